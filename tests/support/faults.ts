// Makes threads of a proxy fail: one that was started as FRAGILE_PROGRAM with the variables of its faults.

import { PROJECT_FOLDER } from "./project.ts";
import { freePorts } from "./ports.ts";

/** The program around the real one, for `Proxy.open` and `Service.start`. */
export const FRAGILE_PROGRAM = `${PROJECT_FOLDER}/tests/support/fragile_program.ts`;

/** What becomes of a lane: two kinds of errors, an end without a word, and an endless loop. */
export type LaneFault = "throw" | "reject" | "vanish" | "stall";

/** The faults of one proxy. */
export class Faults {
  readonly #port = freePorts(1)[0]!;

  /** To start the proxy with. */
  get variables(): Record<string, string> {
    return { FAULT_PORT: String(this.#port) };
  }

  /** Makes a lane fail, numbered from 1. */
  failLane(lane: number, fault: LaneFault): Promise<void> {
    return this.#ask(`lane ${lane}`, fault);
  }

  /** Has the main thread do nothing any more. */
  stallMain(): Promise<void> {
    return this.#ask("main", "stall");
  }

  async #ask(thread: string, fault: string): Promise<void> {
    const url = `http://127.0.0.1:${this.#port}/${encodeURIComponent(thread)}/${fault}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
  }
}
