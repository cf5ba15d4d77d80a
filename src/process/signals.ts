// The signals that the program handles, one at a time.

import type { Clock } from "../core/clock.ts";

/**
 * A signal so soon after another that ends the process, milliseconds, is the same one: npm and
 * `deno task` pass on the Ctrl-C that the terminal has sent to every process already.
 */
const ECHO = 250;
const isWindows = Deno.build.os === "windows";
const ENDING: readonly Deno.Signal[] = isWindows ? ["SIGINT"] : ["SIGTERM", "SIGINT"];
const RELOADING: readonly Deno.Signal[] = isWindows ? [] : ["SIGHUP"];

/** Listens from its creation until it is disposed of. */
export class Signals implements Disposable {
  /** Called for every SIGHUP; one that came before it is set is delivered then. */
  #onReload: (() => void) | undefined;
  #wasReloadAsked = false;
  /** Those that nobody has waited for yet. */
  #unheeded = 0;
  #ending: PromiseWithResolvers<"signal"> | undefined;
  #lastAt = -Infinity;
  readonly #clock: Clock;
  readonly #end = () => {
    const now = this.#clock.now();
    if (now - this.#lastAt < ECHO) return;
    this.#lastAt = now;
    if (this.#ending === undefined) this.#unheeded++;
    this.#ending?.resolve("signal");
    this.#ending = undefined;
  };
  readonly #reload = () => {
    this.#wasReloadAsked = this.#onReload === undefined;
    this.#onReload?.();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
    for (const signal of ENDING) Deno.addSignalListener(signal, this.#end);
    for (const signal of RELOADING) Deno.addSignalListener(signal, this.#reload);
  }

  /** Calls back for every SIGHUP from now on, and for one that has come already. */
  onReload(callback: () => void): void {
    this.#onReload = callback;
    if (this.#wasReloadAsked) callback();
  }

  /** Resolves at the next signal that ends the process, at once if one has come that nobody waited for. */
  next(): Promise<"signal"> {
    if (this.#unheeded > 0) {
      this.#unheeded--;
      return Promise.resolve("signal");
    }
    this.#ending ??= Promise.withResolvers();
    return this.#ending.promise;
  }

  [Symbol.dispose](): void {
    for (const signal of ENDING) Deno.removeSignalListener(signal, this.#end);
    for (const signal of RELOADING) Deno.removeSignalListener(signal, this.#reload);
  }
}
