// A pipe for a program's output that is read only when the test says so: in between it fills, and
// writers block.

import { until } from "./wait.ts";
import { TempFolder } from "./temp_folder.ts";

/** A named pipe, open at its reading end. */
export class HeldPipe implements AsyncDisposable {
  /** The path for the program to write to. */
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
    // Opened for both, because otherwise opening would wait for the other end, and the pipe would
    // end with it.
    return new HeldPipe(folder, path, await Deno.open(path, { read: true, write: true }));
  }

  /** Reads until the text received so far matches. @returns all of it */
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
