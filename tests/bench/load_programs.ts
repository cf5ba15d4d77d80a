// The C programs of a benchmark: compiled once into a folder, a relay that listens, and a load that
// measures when it is told to.

import { Child } from "../support/child.ts";
import { within } from "../support/wait.ts";
import { LineProcess } from "./line_process.ts";

const DEADLINE = 60_000;

/** A folder with compiled programs; disposing of it removes it. */
export class LoadPrograms implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * @param names of the source files beside this one, without `.c`
   * @throws Error when there is no C compiler
   */
  static async compile(...names: readonly string[]): Promise<LoadPrograms> {
    const folder = await Deno.makeTempDir();
    for (const name of names) {
      const source = new URL(`./${name}.c`, import.meta.url).pathname;
      const { success, stderr } = await new Deno.Command("gcc", {
        args: ["-O2", "-o", `${folder}/${name}`, source],
      }).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
    }
    return new LoadPrograms(folder);
  }

  file(name: string): string {
    return `${this.#folder}/${name}`;
  }

  /** A relay that says when it listens. */
  async relay(name: string, args: readonly number[]): Promise<Child> {
    const ready = Promise.withResolvers<void>();
    const relay = new Child({
      command: this.file(name),
      args: args.map(String),
      onOutputLine: () => ready.resolve(),
    });
    await within("the plain relay", DEADLINE, ready.promise);
    return relay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/**
 * A running load: it says `open` once it flows, measures from one line to the next, and says what
 * it has measured. Disposing of it ends it.
 */
export class Load<Figures> extends LineProcess {
  /** Resolves when everything is open and media flows. @throws Error when that fails */
  async opened(): Promise<void> {
    const line = await within("the load", DEADLINE, this.line());
    if (line !== "open") throw new Error(`Cannot start the load: ${line}`);
  }

  /** Starts measuring. */
  start(): Promise<void> {
    return this.say();
  }

  /** Stops measuring. */
  async stop(): Promise<Figures> {
    await this.say();
    return JSON.parse(await within("the figures", DEADLINE, this.line()));
  }
}
