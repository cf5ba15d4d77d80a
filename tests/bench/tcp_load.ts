// The C programs of the TCP benchmarks, compiled once: a plain reference relay, and a load of
// clients and an origin.

import { Child } from "../support/child.ts";
import { within } from "../support/wait.ts";
import { letRun } from "./comparing.ts";
import { cpuSeconds, machineSeconds } from "./process_figures.ts";
import { goFirst, placed } from "./scheduling.ts";

const OPEN_DEADLINE = 60_000;
const WARM_UP_MS = 2_500;

/** What is sent through a relay; see `tcp_load.c`. */
export interface TcpLoadOptions {
  readonly mode:
    | "publish"
    | "play"
    | "flv"
    | "first_play"
    | "first_flv"
    | "idle_play"
    | "idle_flv";
  readonly relayPort: number;
  readonly originPort: number;
  /** Number of streams or clients. */
  readonly count: number;
  /** Size of a frame in bytes. */
  readonly bytes: number;
  /** Microseconds between frames; 0 = as many as possible. */
  readonly interval: number;
  /** Size of an RTMP chunk in bytes. */
  readonly chunk: number;
  /** Clients opened per second. */
  readonly rate: number;
}

/** The results; times in milliseconds. */
export interface TcpFigures {
  readonly open: number;
  readonly failed: number;
  readonly received: number;
  readonly seconds: number;
  /** Frames not sent because the previous one had not been accepted. */
  readonly skipped: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A running load; disposing of it ends it. */
class TcpLoad implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #rest = "";

  constructor(program: string, options: TcpLoadOptions, place: readonly string[]) {
    const { mode, relayPort, originPort, count, bytes, interval, chunk, rate } = options;
    const args = [mode, relayPort, originPort, count, bytes, interval, chunk, rate].map(String);
    const command = [...place, program, ...args];
    this.#process = new Deno.Command(command[0]!, {
      args: command.slice(1),
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.pid = this.#process.pid;
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = this.#process.stdin.getWriter();
  }

  /** Resolves when everything is open and media flows. @throws Error when that fails */
  async opened(): Promise<void> {
    const line = await within("the load", OPEN_DEADLINE, this.#line());
    if (line !== "open") throw new Error(`Cannot start the load: ${line}`);
  }

  /** Starts measuring. */
  start(): Promise<void> {
    return this.#say();
  }

  /** Stops measuring. @throws Error when clients were lost, which makes the result invalid */
  async stop(): Promise<TcpFigures> {
    await this.#say();
    const figures: TcpFigures = JSON.parse(
      await within("the figures", OPEN_DEADLINE, this.#line()),
    );
    if (figures.failed > 0) throw new Error(`Cannot measure: ${figures.failed} clients were lost`);
    return figures;
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

  async #say(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("\n"));
  }

  async #line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) {
        const { code, signal } = await this.#process.status;
        throw new Error(`Cannot go on: the load has ended with ${signal ?? code}`);
      }
      this.#rest += value;
    }
    const [line, ...rest] = this.#rest.split("\n");
    this.#rest = rest.join("\n");
    return line!;
  }
}

/** The results of a load and its cost. */
export interface TcpMeasurement extends TcpFigures {
  /** CPU seconds of the relay per gigabyte. */
  readonly cost: number;
  /** CPU seconds per second of the relay and of the load. */
  readonly cores: number;
  readonly loadCores: number;
  /** The same for everything on this machine; the rest is idle. */
  readonly machineCores: number;
}

/** A folder with the compiled programs; disposing of it removes it. */
export class TcpPrograms implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws Error when there is no C compiler */
  static async compile(): Promise<TcpPrograms> {
    const folder = await Deno.makeTempDir();
    for (const name of ["tcp_relay", "tcp_load"]) {
      const source = new URL(`./${name}.c`, import.meta.url).pathname;
      const { success, stderr } = await new Deno.Command("gcc", {
        args: ["-O2", "-o", `${folder}/${name}`, source],
      }).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
    }
    return new TcpPrograms(folder);
  }

  /** The plain relay, listening. */
  async relay(port: number, originPort: number): Promise<Child> {
    const ready = Promise.withResolvers<void>();
    const relay = new Child({
      command: `${this.#folder}/tcp_relay`,
      args: [String(port), String(originPort)],
      onOutputLine: () => ready.resolve(),
    });
    await within("the plain relay", OPEN_DEADLINE, ready.promise);
    return relay;
  }

  /** @param core where it runs; anywhere unless given */
  load(options: TcpLoadOptions, core?: string): TcpLoad {
    return this.#load(options, core === undefined ? [] : placed(core, false));
  }

  /** Runs a load through a relay for some time. */
  async measure(
    pid: number,
    options: TcpLoadOptions,
    { seconds, core }: { readonly seconds: number; readonly core?: string },
  ): Promise<TcpMeasurement> {
    // At real-time priority a load that fills its core would leave no time for the measurement.
    const isFirst = core !== undefined && options.interval > 0 && await goFirst(pid);
    await using load = this.#load(options, core === undefined ? [] : placed(core, isFirst));
    await load.opened();
    await letRun(WARM_UP_MS);
    await load.start();
    const measure = () => [cpuSeconds(pid), cpuSeconds(load.pid), machineSeconds()];
    const before = measure();
    await letRun(seconds * 1000);
    const used = measure().map((now, i) => now - before[i]!);
    const figures = await load.stop();
    return {
      ...figures,
      cost: used[0]! * 1e9 / figures.received,
      cores: used[0]! / figures.seconds,
      loadCores: used[1]! / figures.seconds,
      machineCores: used[2]! / figures.seconds,
    };
  }

  #load(options: TcpLoadOptions, place: readonly string[]): TcpLoad {
    return new TcpLoad(`${this.#folder}/tcp_load`, options, place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
