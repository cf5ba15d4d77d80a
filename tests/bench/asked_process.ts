// A Deno script of this folder in a process of its own, so that its cost is not part of the
// measured process. It answers each line on its standard input with one line.

/** A running script; disposing of it kills it. */
export class AskedProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #questions: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #rest = "";

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
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...permissions, path, ...args.map(String)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#questions = this.#process.stdin.getWriter();
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
    await this.#questions.write(new TextEncoder().encode(`${question}\n`));
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("Cannot ask: the script has ended");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#lines.cancel();
    await this.#questions.abort().catch(() => {});
    await this.#process.status;
  }
}
