// How long all has been well, for each proxy: what the model may expect of the proxies depends on
// that. Alone is a proxy that could not ask Redis, was stopped, or whose Redis has lost something;
// unwell is also one to which Redis was slow. Knows no stream.

/** What is remembered of the bad times of some proxies. Times are milliseconds. */
export class Calm {
  readonly #alone: number[];
  readonly #unwell: number[];
  #lossAt = -Infinity;

  constructor(proxies: number) {
    this.#alone = Array.from({ length: proxies }, () => -Infinity);
    this.#unwell = Array.from({ length: proxies }, () => -Infinity);
  }

  /** Something makes it hard for a proxy, or for all, to know what others do. */
  disturb(until: number, proxy?: number): void {
    raise(this.#unwell, until, proxy);
  }

  /** A proxy, or every one, cannot ask Redis or is not there. */
  isolate(until: number, proxy?: number): void {
    raise(this.#alone, until, proxy);
    raise(this.#unwell, until, proxy);
  }

  /** Redis has lost something that it had. */
  lose(now: number): void {
    this.#lossAt = now;
    this.isolate(now);
  }

  /** Whether Redis has lost nothing since. */
  hasKeptSince(moment: number): boolean {
    return this.#lossAt < moment;
  }

  /** Whether a proxy has been able to ask Redis ever since, and Redis has lost nothing. */
  hasAskedSince(moment: number, proxy: number): boolean {
    return this.#alone[proxy]! < moment && this.#lossAt < moment;
  }

  /** Whether nothing at all was wrong for a proxy since. */
  isWellSince(moment: number, proxy: number): boolean {
    return this.#unwell[proxy]! < moment && this.#lossAt < moment;
  }
}

function raise(times: number[], until: number, proxy: number | undefined): void {
  times.forEach((time, at) => {
    if (proxy === undefined || proxy === at) times[at] = Math.max(time, until);
  });
}
