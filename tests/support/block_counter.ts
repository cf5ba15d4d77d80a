// Counts how often each block of the program's code runs, with the JavaScript engine's coverage
// counters: a measure of work that is the same on every machine.

import { Session } from "node:inspector";
import { PROJECT_FOLDER } from "./project.ts";

/** The part of the inspector's coverage report that is used. */
interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
  }[];
}

/** Functions compiled before it was opened are not counted. */
export class BlockCounter implements AsyncDisposable {
  readonly #session = new Session();

  private constructor() {
    this.#session.connect();
  }

  static async open(): Promise<BlockCounter> {
    const counter = new BlockCounter();
    await counter.#post("Profiler.enable");
    await counter.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    return counter;
  }

  /**
   * Counts block executions of the program and its libraries during a call and since the last
   * count.
   */
  async count(call: () => unknown): Promise<number> {
    await call();
    return await this.#take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  async #take(): Promise<number> {
    const { result } = await this.#post("Profiler.takePreciseCoverage") as Coverage;
    let blocks = 0;
    for (const { url, functions } of result) {
      const isProgram = url.startsWith(`file://${PROJECT_FOLDER}/src/`) || url.includes("/npm/");
      if (!isProgram) continue;
      for (const { ranges } of functions) for (const { count } of ranges) blocks += count;
    }
    return blocks;
  }

  #post(method: string, parameters: object = {}): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#session.post(method, parameters, (error: Error | null, result?: object) => {
      if (error) reject(new Error(`Cannot count: ${JSON.stringify(error)}`));
      else resolve(result);
    });
    return promise;
  }
}
