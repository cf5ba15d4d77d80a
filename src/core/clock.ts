// Time as an argument: what is the time, and call back later. Whatever has deadlines or does
// something from time to time is handed a clock, so that a test can hand it one that it moves.

/** A clock that never goes backwards. Times are milliseconds from any start. */
export interface Clock {
  now(): number;
  /** Calls back once, so many milliseconds from now, unless disposed of before. */
  after(delay: number, callback: () => void): Disposable;
  /** Calls back again and again until disposed of. */
  every(period: number, callback: () => void): Disposable;
}

/** The clock of this process. */
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
