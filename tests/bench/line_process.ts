// A process that is told something in lines on its standard input and answers in lines on its
// standard output. Knows nothing about what is said.

/** A running process; disposing of it kills it. */
export class LineProcess implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #rest = "";

  constructor(command: readonly string[]) {
    this.#process = new Deno.Command(command[0]!, {
      args: command.slice(1),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.pid = this.#process.pid;
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = this.#process.stdin.getWriter();
  }

  /** Sends a line. */
  async say(text = ""): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${text}\n`));
  }

  /** The next line. @throws Error when the process has ended */
  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) {
        const { code, signal } = await this.#process.status;
        throw new Error(`Cannot go on: the process has ended with ${signal ?? code}`);
      }
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#lines.cancel();
    await this.#input.abort().catch(() => {});
    await this.#process.status;
  }
}
