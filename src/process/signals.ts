// The signals that the program handles, one at a time.

import type { Clock } from "../core/clock.ts";

/**
 * A terminating signal this soon after another one, in milliseconds, is an echo of it: npm and
 * `deno task` pass on the Ctrl-C that the terminal has already sent to every process.
 */
const ECHO = 250;
const isWindows = Deno.build.os === "windows";
const ENDING: readonly Deno.Signal[] = isWindows ? ["SIGINT"] : ["SIGTERM", "SIGINT"];
const RELOADING: readonly Deno.Signal[] = isWindows ? [] : ["SIGHUP"];

export class Signals implements Disposable {
  /** Called for every SIGHUP; one received before it is set is delivered then. */
  #onReload: (() => void) | undefined;
  #wasReloadAsked = false;
  /** Terminating signals that nobody has waited for yet. */
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

  /** Sets the callback for every SIGHUP, including one already received. */
  onReload(callback: () => void): void {
    this.#onReload = callback;
    if (this.#wasReloadAsked) callback();
  }

  /** Resolves at the next terminating signal, or at once if one was received that nobody waited for. */
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
