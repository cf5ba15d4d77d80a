// Records how long each proxy has been undisturbed, on which the model's expectations depend. A
// proxy is alone if it could not ask Redis, was stopped, or Redis has lost something; it is unwell
// also if Redis was slow. Knows no streams.

/** The times of disturbances of several proxies, in milliseconds. */
export class Calm {
  readonly #alone: number[];
  readonly #unwell: number[];
  #lossAt = -Infinity;

  constructor(proxies: number) {
    this.#alone = Array.from({ length: proxies }, () => -Infinity);
    this.#unwell = Array.from({ length: proxies }, () => -Infinity);
  }

  /** Something makes it hard for a proxy, or for all, to know what the others do. */
  disturb(until: number, proxy?: number): void {
    raise(this.#unwell, until, proxy);
  }

  /** A proxy, or every one, cannot ask Redis or is not running. */
  isolate(until: number, proxy?: number): void {
    raise(this.#alone, until, proxy);
    raise(this.#unwell, until, proxy);
  }

  /** Redis has lost data. */
  lose(now: number): void {
    this.#lossAt = now;
    this.isolate(now);
  }

  /** Whether Redis has lost nothing since then. */
  hasKeptSince(moment: number): boolean {
    return this.#lossAt < moment;
  }

  /** Whether a proxy has been able to ask Redis since then, and Redis has lost nothing. */
  hasAskedSince(moment: number, proxy: number): boolean {
    return this.#alone[proxy]! < moment && this.#lossAt < moment;
  }

  /** Whether nothing has been wrong for a proxy since then. */
  isWellSince(moment: number, proxy: number): boolean {
    return this.#unwell[proxy]! < moment && this.#lossAt < moment;
  }
}

function raise(times: number[], until: number, proxy: number | undefined): void {
  times.forEach((time, at) => {
    if (proxy === undefined || proxy === at) times[at] = Math.max(time, until);
  });
}
