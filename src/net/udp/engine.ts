// Chooses the UDP engine for this system. Knows nothing of threads or relays.

import type { EventLoop } from "../libc/event_loop.ts";
import { DenoEngine } from "./deno_engine.ts";
import { isLibcKnown, type LibcLibrary, openLibc } from "./libc.ts";
import { LibcEngine } from "./libc_engine.ts";
import type { UdpEngine, UdpEngineOptions } from "./port.ts";

export type UdpEngineChoice = "auto" | "libc" | "deno";

/**
 * The C library, if its engine can and should be used.
 *
 * @returns undefined when Deno's own sockets are to be used
 * @throws the reason why `libc` cannot be used, if it was asked for
 */
export function chooseLibc(choice: UdpEngineChoice): LibcLibrary | undefined {
  if (choice === "deno" || (choice === "auto" && !isLibcKnown)) return undefined;
  try {
    return openLibc();
  } catch (error) {
    if (choice === "libc") throw error;
    return undefined;
  }
}

/**
 * Opens the engine of a thread.
 *
 * @param loop the thread's, if it uses the C library
 * @throws ProxyError `internal` when the port cannot be bound
 */
export function openEngine(loop: EventLoop | undefined, options: UdpEngineOptions): UdpEngine {
  return loop === undefined ? new DenoEngine(options) : new LibcEngine(loop, options);
}
