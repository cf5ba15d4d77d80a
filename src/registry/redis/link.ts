// Keeps a connection to whichever Redis server is currently the right one, and makes a new one when it is
// lost, as long as the process lives. Knows neither keys nor what the connection is used for.

import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";
import type { RedisCalls } from "./calls.ts";
import type { Locate } from "./locate.ts";

export interface LinkOptions {
  readonly clock: Clock;
  /** Returns numbers from 0 up to but not including 1. */
  readonly random: () => number;
  readonly locate: Locate;
  readonly open: (address: Address, signal: AbortSignal) => Promise<RedisCalls>;
  /** There is a new connection. If this fails, it is closed and another is made. */
  readonly onConnected: (connection: RedisCalls) => Promise<void>;
  /** The connection was lost, or none could be made; called once per attempt. */
  readonly onLost: (why: unknown) => void;
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;
/** Milliseconds between checks that the server is still the right one. */
const CHECK_PERIOD = 10_000;

export class RedisLink implements AsyncDisposable {
  /** Resolves when the first attempt has succeeded or failed. */
  readonly tried: Promise<void>;
  readonly #options: LinkOptions;
  readonly #tried = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  readonly #end = new AbortController();
  #connection: RedisCalls | undefined;
  #check: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(options: LinkOptions) {
    this.#options = options;
    this.tried = this.#tried.promise;
    this.#running = this.#run();
  }

  /** The connection, while there is one. */
  get connection(): RedisCalls | undefined {
    return this.#connection;
  }

  /** Ends for good, and waits until everything is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#wake();
    await this.#running;
    await this.#check;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!this.#end.signal.aborted) {
      const startedAt = clock.now();
      const why = await this.#live();
      this.#tried.resolve();
      if (this.#end.signal.aborted) break;
      this.#options.onLost(why);
      // A connection that lived for a while is replaced soon; a server that cannot be reached is not.
      failures = clock.now() - startedAt > LONGEST_PAUSE ? 0 : failures + 1;
      await this.#pause(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures));
    }
  }

  /** One connection from beginning to end. @returns why it ended */
  async #live(): Promise<unknown> {
    const { signal } = this.#end;
    try {
      const address = await this.#options.locate(signal);
      const connection = await this.#options.open(address, signal);
      using _end = {
        [Symbol.dispose]: () => connection.close(new Error("The connection is unusable")),
      };
      this.#connection = connection;
      await this.#options.onConnected(connection);
      this.#tried.resolve();
      return await this.#untilClosed(connection, address);
    } catch (error) {
      return error;
    } finally {
      this.#connection = undefined;
    }
  }

  async #untilClosed(connection: RedisCalls, address: Address): Promise<Error> {
    using _timer = this.#options.clock.every(CHECK_PERIOD, () => {
      this.#check ??= this.#checkPlace(connection, address).finally(() => {
        this.#check = undefined;
      });
    });
    return await connection.closed;
  }

  async #checkPlace(connection: RedisCalls, { host, port }: Address): Promise<void> {
    try {
      const now = await this.#options.locate(this.#end.signal);
      if (now.host === host && now.port === port) return;
      connection.close(new Error("The server is no longer the one to write to"));
    } catch {
      // If nobody can be asked, that does not mean that the server is wrong.
    }
  }

  /** Waits for a random time, so that many proxies do not come back at once. */
  #pause(longest: number): Promise<void> {
    const { clock, random } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.after(longest * (0.5 + random() / 2), resolve);
      this.#wake = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
  }
}

/** The messages of an error and of its causes. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
