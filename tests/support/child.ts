// A child process for tests: its output as lines and text, its end as a promise, signals, and a
// guarantee that it ends with the test. Knows no particular program.

import { until, within } from "./wait.ts";

/** Set TEST_ECHO=1 to see the output of child processes while a test runs. */
const ECHO = Deno.env.get("TEST_ECHO") === "1";
const KEPT_TEXT = 64 * 1024;
/** Lines of standard error in the error about a process that does not end. */
const LAST_LINES = 8;
const END_DEADLINE = 10_000;
const alive = new Set<number>();

globalThis.addEventListener("unload", () => {
  for (const pid of alive) sendSignal(pid, "SIGKILL");
});

/** What to start, and what to do with its standard output. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's variables; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string | undefined;
  /** Called with each line of standard output; without it the output is kept in `outputText`. */
  readonly onOutputLine?: (line: string) => void;
}

/** How a process ended; `signal` is set if a signal ended it. */
export interface ChildEnd {
  readonly code: number;
  readonly signal: Deno.Signal | null;
}

/** A running process; disposing of it kills it and waits for its end. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  /** Resolves once the process has ended and all its output has been read. */
  readonly ended: Promise<ChildEnd>;
  readonly #errors = new KeptText();
  readonly #output = new KeptText();
  #end: ChildEnd | undefined;

  constructor(options: ChildOptions) {
    const process = new Deno.Command(options.command, {
      args: [...options.args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      clearEnv: true,
      env: environment(options.env ?? {}),
      ...(options.cwd && { cwd: options.cwd }),
    }).spawn();
    this.pid = process.pid;
    alive.add(this.pid);
    const { onOutputLine } = options;
    const name = `${options.command.split("/").at(-1)} ${this.pid}`;
    this.ended = this.#untilEnd(
      process,
      onOutputLine ?? ((line) => this.#output.add(line, name)),
      (line) => this.#errors.add(line, name),
    );
  }

  /** The last part of what the process has written to standard error. */
  get errorText(): string {
    return this.#errors.text;
  }

  /**
   * The last part of what the process has written to standard output, unless `onOutputLine` took
   * it.
   */
  get outputText(): string {
    return this.#output.text;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /** Sends a signal, unless the process has ended. */
  signal(signal: Deno.Signal): void {
    if (this.running) sendSignal(this.pid, signal);
  }

  /** `kill -9`, and waits for the end. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  /** @throws Error with the program's last errors when it does not end within `timeout` ms. */
  async end(timeout = END_DEADLINE): Promise<ChildEnd> {
    try {
      return await within(`the end of process ${this.pid}`, timeout, this.ended);
    } catch (error) {
      const last = this.errorText.trimEnd().split("\n").slice(-LAST_LINES);
      throw new Error([(error as Error).message, ...last].join("\n"));
    }
  }

  /**
   * Waits until `look` finds something, at most until the process ends.
   *
   * @throws Error with the end of standard error when the process ends or the time is over.
   */
  until<Found>(
    what: string,
    look: () => Found | undefined | false | Promise<Found | undefined | false>,
    timeout?: number,
  ): Promise<Found> {
    const describe = () => this.errorText || this.outputText;
    const lookWhileRunning = async () => {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (this.running) return undefined;
      throw new Error(`Cannot see ${what}: the process ended\n${describe()}`);
    };
    return until(what, lookWhileRunning, { describe, timeout });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #untilEnd(
    process: Deno.ChildProcess,
    onOutputLine: (line: string) => void,
    onErrorLine: (line: string) => void,
  ): Promise<ChildEnd> {
    const [status] = await Promise.all([
      process.status.finally(() => alive.delete(this.pid)),
      eachLine(process.stdout, onOutputLine),
      eachLine(process.stderr, onErrorLine),
    ]);
    this.#end = { code: status.code, signal: status.signal };
    return this.#end;
  }
}

/** Keeps the last part of a text that arrives in lines. */
class KeptText {
  #text = "";

  get text(): string {
    return this.#text;
  }

  add(line: string, speaker: string): void {
    if (ECHO) Deno.stderr.writeSync(new TextEncoder().encode(`[${speaker}] ${line}\n`));
    this.#text = `${this.#text}${line}\n`.slice(-KEPT_TEXT);
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r\n|\r|\n/);
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}

function environment(changes: Readonly<Record<string, string | undefined>>) {
  const result = Deno.env.toObject();
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete result[name];
    else result[name] = value;
  }
  return result;
}

function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Waits until a program that has just been started is ready; disposes of it if it is not ready
 * within `deadline` milliseconds.
 *
 * @param what it does when it is ready: "nginx accept connections"
 */
export async function whenReady<P extends AsyncDisposable & { readonly process: Child }>(
  program: P,
  what: string,
  isReady: () => boolean | Promise<boolean>,
  deadline?: number,
): Promise<P> {
  try {
    await program.process.until(what, isReady, deadline);
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}
