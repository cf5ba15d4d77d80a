// Makes threads of a proxy fail that was started as FRAGILE_PROGRAM with the variables of a
// `Faults`.

import { resolve } from "node:path";
import { bundle } from "../../scripts/bundle.ts";
import { PROJECT_FOLDER } from "./project.ts";
import { freePorts } from "./ports.ts";

/** Names the variable with the path of the bundle, if there is one. */
const BUNDLED = "TEST_FRAGILE_PROGRAM";
/** A wrapper around the real program, for `Proxy.open` and `Service.start`. */
export const FRAGILE_PROGRAM: string = Deno.env.get(BUNDLED) ??
  `${PROJECT_FOLDER}/tests/support/fragile_program.ts`;

/**
 * Bundles the wrapper and its lanes, which then start in a fifth of the CPU time.
 *
 * @returns the variables with which test processes use the bundle
 */
export async function bundleFragileProgram(): Promise<Readonly<Record<string, string>>> {
  const folder = "dist/fragile";
  const options = { platform: "deno", keepsNames: true } as const;
  const entry = (name: string) => `tests/support/${name}.ts`;
  await bundle({ entry: entry("fragile_program"), output: folder, isFolder: true, ...options });
  await bundle({ entry: entry("fragile_lane"), output: `${folder}/fragile_lane.js`, ...options });
  return { [BUNDLED]: resolve(PROJECT_FOLDER, folder, "fragile_program.js") };
}

/** How a lane fails: with two kinds of errors, a silent end, or an endless loop. */
export type LaneFault = "throw" | "reject" | "vanish" | "stall";

export class Faults {
  readonly #port = freePorts(1)[0]!;

  /** Variables to start the proxy with. */
  get variables(): Record<string, string> {
    return { FAULT_PORT: String(this.#port) };
  }

  /** Makes a lane fail, numbered from 1. */
  failLane(lane: number, fault: LaneFault): Promise<void> {
    return this.#ask(`lane ${lane}`, fault);
  }

  /** Blocks the main thread. */
  stallMain(): Promise<void> {
    return this.#ask("main", "stall");
  }

  async #ask(thread: string, fault: string): Promise<void> {
    const url = `http://127.0.0.1:${this.#port}/${encodeURIComponent(thread)}/${fault}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
  }
}
