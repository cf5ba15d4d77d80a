// The C programs of the TCP benchmarks, compiled once: a plain reference relay, and a load of
// clients and an origin.

import type { Child } from "../support/child.ts";
import { letRun } from "./comparing.ts";
import { Load, LoadPrograms } from "./load_programs.ts";
import { cpuSeconds, machineSeconds } from "./process_figures.ts";
import { goFirst, placed } from "./scheduling.ts";
import type { Contender } from "./turns.ts";

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
class TcpLoad extends Load<TcpFigures> {
  /** Stops measuring. @throws Error when clients were lost, which makes the result invalid */
  override async stop(): Promise<TcpFigures> {
    const figures = await super.stop();
    if (figures.failed > 0) throw new Error(`Cannot measure: ${figures.failed} clients were lost`);
    return figures;
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

/** The compiled programs; disposing of them removes them. */
export class TcpPrograms implements AsyncDisposable {
  readonly #programs: LoadPrograms;

  private constructor(programs: LoadPrograms) {
    this.#programs = programs;
  }

  /** @throws Error when there is no C compiler */
  static async compile(): Promise<TcpPrograms> {
    return new TcpPrograms(await LoadPrograms.compile("tcp_relay", "tcp_load"));
  }

  /** The plain relay, listening. */
  relay(port: number, originPort: number): Promise<Child> {
    return this.#programs.relay("tcp_relay", [port, originPort]);
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

  /**
   * A load that takes turns with those of other relays; at rest, and its relay warm.
   *
   * @param stack owns it
   */
  async contender(
    stack: AsyncDisposableStack,
    pid: number,
    options: TcpLoadOptions,
    core: string,
  ): Promise<Contender<TcpFigures>> {
    const load = stack.use(this.#load(options, placed(core, await goFirst(pid))));
    await load.opened();
    await letRun(WARM_UP_MS);
    await load.start();
    await load.stop();
    return { pid, load };
  }

  #load(options: TcpLoadOptions, place: readonly string[]): TcpLoad {
    const { mode, relayPort, originPort, count, bytes, interval, chunk, rate } = options;
    const args = [mode, relayPort, originPort, count, bytes, interval, chunk, rate].map(String);
    return new TcpLoad([...place, this.#programs.file("tcp_load"), ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs[Symbol.asyncDispose]();
  }
}
