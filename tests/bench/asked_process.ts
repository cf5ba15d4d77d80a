// A Deno script of this folder in a process of its own, so that its cost is not part of the
// measured process. It answers each line on its standard input with one line.

import { LineProcess } from "./line_process.ts";

/** A running script; disposing of it kills it. */
export class AskedProcess implements AsyncDisposable {
  readonly #process: LineProcess;

  /**
   * @param script name of a file in this folder
   * @param permissions its permissions; only the network unless given
   */
  constructor(
    script: string,
    args: readonly (string | number)[] = [],
    permissions: readonly string[] = ["--allow-net"],
  ) {
    const path = new URL(script, import.meta.url).pathname;
    const command = [Deno.execPath(), "run", "--quiet", ...permissions, path, ...args.map(String)];
    this.#process = new LineProcess(command);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Sends a line and returns the answer. One question at a time.
   *
   * @throws Error when the script has ended
   */
  async ask(question = ""): Promise<string> {
    await this.#process.say(question);
    return await this.#process.line();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
