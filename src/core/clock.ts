// Time as an argument: what time is it, and call back later. Whatever has deadlines or does
// something periodically is given a clock, so that a test can pass one that it controls.

/** A clock that never goes backwards. Times are milliseconds from any start. */
export interface Clock {
  now(): number;
  /** Calls back once, after this many milliseconds, unless disposed of before. */
  after(delay: number, callback: () => void): Disposable;
  /** Calls back again and again until disposed of. */
  every(period: number, callback: () => void): Disposable;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delay, callback) => {
    const timer = setTimeout(callback, delay);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  every: (period, callback) => {
    const timer = setInterval(callback, period);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};
