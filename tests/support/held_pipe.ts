// A pipe for the outputs of a program whose reader reads only when the test says so: between two reads
// the pipe fills, and whoever writes into it waits.

import { until } from "./wait.ts";
import { TempFolder } from "./temp_folder.ts";

/** A named pipe, open at its reading end. */
export class HeldPipe implements AsyncDisposable {
  /** Where the program is to write. */
  readonly path: string;
  readonly #folder: TempFolder;
  readonly #reader: Deno.FsFile;
  readonly #buffer = new Uint8Array(65_536);
  readonly #decoder = new TextDecoder();

  private constructor(folder: TempFolder, path: string, reader: Deno.FsFile) {
    this.#folder = folder;
    this.path = path;
    this.#reader = reader;
  }

  static async open(): Promise<HeldPipe> {
    const folder = new TempFolder();
    const path = folder.file("pipe");
    const made = await new Deno.Command("mkfifo", { args: [path] }).output();
    if (!made.success) {
      throw new Error(`Cannot make a pipe: ${new TextDecoder().decode(made.stderr)}`);
    }
    // Open for both: otherwise it would have to wait for the other end, and would end with it.
    return new HeldPipe(folder, path, await Deno.open(path, { read: true, write: true }));
  }

  /** Reads until the text that has come matches. @returns all of it */
  async readUntil(pattern: RegExp): Promise<string> {
    let text = "";
    await until(`${pattern} in the pipe`, async () => {
      const count = await this.#reader.read(this.#buffer);
      text += this.#decoder.decode(this.#buffer.subarray(0, count ?? 0), { stream: true });
      return pattern.test(text.slice(-2 * this.#buffer.length));
    }, { interval: 0 });
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close();
    await this.#folder[Symbol.asyncDispose]();
  }
}
