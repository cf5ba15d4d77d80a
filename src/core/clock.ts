// Time as an argument: the current time, and calling back later. Everything with deadlines or periodic
// work is given a clock, so that a test can pass one that it controls.

/** Longest delay that `setTimeout` accepts; for a longer one it would call back at once. */
const LONGEST = 2 ** 31 - 1;

/** A clock that never goes backwards. Times are milliseconds since an arbitrary moment. */
export interface Clock {
  now(): number;
  /** Calls back once, after this many milliseconds, unless disposed of before. */
  after(delay: number, callback: () => void): Disposable;
  /**
   * Calls back repeatedly until disposed of, whenever the time is a multiple of the period, so that a
   * thread wakes once for everything that is due then. The first call comes before a whole period has
   * passed.
   */
  every(period: number, callback: () => void): Disposable;
}

/** The clock of this process; delays over 24 days are cut to 24 days. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delay, callback) => {
    const timer = setTimeout(callback, Math.min(Math.ceil(delay), LONGEST));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  every: (period, callback) => repeat(systemClock, period, callback),
};

/** `every`, for a clock that has `after`. */
export function repeat(clock: Clock, period: number, callback: () => void): Disposable {
  let timer: Disposable;
  let due = clock.now() + untilNext(clock, period);
  const again = () => {
    timer = clock.after(due - clock.now(), () => {
      // Missed calls are skipped; a timer may also be a little early.
      due += period * Math.max(1, Math.ceil((clock.now() - due) / period));
      again();
      callback();
    });
  };
  again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** Milliseconds until the time is a multiple of the period. */
export function untilNext(clock: Clock, period: number): number {
  return period - clock.now() % period;
}

export function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.after(milliseconds, resolve));
}

/**
 * Settles as the promise does, or, after this many milliseconds, as `onTimeout` does; errors of either
 * reach the caller. The promise is not cancelled.
 */
export async function within<T, L>(
  clock: Clock,
  milliseconds: number,
  promise: Promise<T>,
  onTimeout: () => L | Promise<L>,
): Promise<T | L> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  using _timer = clock.after(milliseconds, resolve);
  return await Promise.race([promise, late.then(onTimeout)]);
}
