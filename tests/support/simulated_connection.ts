// A connection between a simulated process and a simulated Redis: each direction is ordered, has
// delays and can be blocked. Handles silence and failure as node-redis does, so that the store sees
// the same.

import { ErrorReply } from "@redis/client";
import type { Clock } from "../../src/core/clock.ts";
import type { CallsWanted, RedisCalls, Reply } from "../../src/registry/redis/calls.ts";
import type { Script } from "../../src/registry/redis/scripts.ts";
import type { SimulatedRedis } from "./simulated_redis.ts";
import type { ProcessClock } from "./virtual_clock.ts";

/** One process's path to Redis, which a test may disturb. */
export interface Way {
  /** Milliseconds added to each request, reply and message. */
  slow: { request: number; reply: number; message: number };
  /** What is blocked now; it arrives once unblocked, if the connection still exists. */
  blocked: { requests: boolean; replies: boolean; messages: boolean };
  /** Milliseconds by which only the next request or reply is late, as after a retransmission. */
  stall: { request: number; reply: number };
}

/** An undisturbed path. */
export function clearWay(): Way {
  return {
    slow: { request: 0, reply: 0, message: 0 },
    blocked: { requests: false, replies: false, messages: false },
    stall: { request: 0, reply: 0 },
  };
}

/** The connection's view of the network. */
export interface Place {
  readonly server: SimulatedRedis;
  readonly isDown: boolean;
  /** Delivers something to a server: now, or when it is thawed. */
  reach(server: SimulatedRedis, callback: () => void): void;
}

export interface ConnectionParts extends CallsWanted {
  readonly clock: Clock;
  readonly random: () => number;
  readonly process: ProcessClock;
  readonly way: Way;
  readonly place: Place;
}

type Ask = (server: SimulatedRedis) => Reply;

const CONNECT_TIMEOUT = 1_000;
const SILENCE = 3_000;
const PING_INTERVAL = 1_000;
/** Minimum delay of everything, milliseconds, and its spread. */
const DISTANCE = { least: 0.2, spread: 0.6 };
/** Tolerance for rounding errors in sums of times. */
const ROUNDING = 1e-6;

/** One connection, with the socket for commands and the one for messages. */
export class SimulatedConnection implements RedisCalls {
  readonly closed: Promise<Error>;
  /** The server it is connected to. */
  readonly server: SimulatedRedis;
  readonly process: ProcessClock;
  readonly #parts: ConnectionParts;
  readonly #requests: Lane;
  readonly #replies: Lane;
  readonly #messages: Lane;
  readonly #over: (why: Error) => void;
  readonly #waiting = new Set<(why: Error) => void>();
  readonly #ends = new DisposableStack();
  #isClosed = false;
  #heardAt: number;

  constructor(parts: ConnectionParts) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    const { way, place, process } = parts;
    this.closed = promise;
    this.#over = resolve;
    this.#parts = parts;
    this.server = place.server;
    this.process = process;
    this.#heardAt = process.now();
    this.#requests = new Lane(parts, () => way.blocked.requests);
    this.#replies = new Lane(parts, () => way.blocked.replies);
    this.#messages = new Lane(parts, () => way.blocked.messages);
  }

  /** @throws Error when the server cannot be reached or does not answer */
  async open(): Promise<this> {
    const { process, way, place, signal, channel, onMessage } = this.#parts;
    if (signal.aborted) this.close(new Error("Nobody needs it any more"));
    const abort = () => this.close(new Error("Nobody needs it any more"));
    signal.addEventListener("abort", abort);
    this.#ends.defer(() => signal.removeEventListener("abort", abort));
    const patience = way.blocked.requests || way.blocked.replies ? CONNECT_TIMEOUT : SILENCE;
    const timer = process.after(patience, () => this.close(new Error("Connection timeout")));
    try {
      await this.#call((server) => {
        if (place.isDown || server !== place.server) throw new Error("connect ECONNREFUSED");
        const end = server.listen(channel, (message) => {
          this.#messages.send(way.slow.message, () =>
            process.deliver(() => {
              if (!this.#isClosed) onMessage(message);
            }));
        });
        this.#ends.defer(end);
        return null;
      });
    } catch (error) {
      this.close(new Error("It could not be opened"));
      throw error;
    } finally {
      timer[Symbol.dispose]();
    }
    if (this.#ends.disposed) throw await this.closed;
    this.#ends.use(process.every(PING_INTERVAL, () => this.#watch()));
    return this;
  }

  async command(...args: readonly string[]): Promise<Reply> {
    return await this.#call((server) => server.command(...args));
  }

  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    return await this.#call((server) => server.eval(script, keys, args));
  }

  close(why: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#over(why);
    for (const reject of this.#waiting) reject(why);
    this.#waiting.clear();
    this.#ends.dispose();
    // What is on its way still arrives; what is blocked is lost.
    if (this.#parts.way.blocked.requests) this.#requests.clear();
  }

  /** Ends it as the network or the server would: nothing arrives any more. */
  reset(): void {
    for (const lane of [this.#requests, this.#replies, this.#messages]) lane.clear();
    this.#ends.dispose();
    const { process, clock } = this.#parts;
    clock.after(DISTANCE.least, () => process.deliver(() => this.close(new Error("ECONNRESET"))));
  }

  /** Delivers what is no longer blocked. */
  flow(): void {
    for (const lane of [this.#requests, this.#replies, this.#messages]) lane.flow();
  }

  #call(ask: Ask): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(new Error("The connection is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const { way, place, process } = this.#parts;
    this.#waiting.add(reject);
    const answered = (settle: () => void) => () =>
      process.deliver(() => {
        this.#heardAt = process.now();
        this.#waiting.delete(reject);
        settle();
      });
    const delay = way.slow.request + way.stall.request;
    way.stall.request = 0;
    this.#requests.send(delay, () => {
      place.reach(this.server, () => {
        const back = way.slow.reply + way.stall.reply;
        way.stall.reply = 0;
        this.#replies.send(back, answered(this.#settlement(ask, resolve, reject)));
      });
    });
    return promise;
  }

  /** Takes a server's reply. @returns a function that passes it to the caller */
  #settlement(
    ask: Ask,
    resolve: (reply: Reply) => void,
    reject: (error: Error) => void,
  ): () => void {
    try {
      const reply = ask(this.server);
      return reply instanceof ErrorReply ? () => reject(reply) : () => resolve(reply);
    } catch (error) {
      return () => reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #watch(): void {
    const silence = this.process.now() - this.#heardAt;
    if (silence >= SILENCE) return this.close(new Error("Socket timeout"));
    if (silence >= PING_INTERVAL) this.#call(() => "PONG").catch(() => {});
  }
}

interface Item {
  readonly due: number;
  readonly arrive: () => void;
}

/** One direction: delivers in order, and nothing while blocked. */
class Lane {
  readonly #parts: ConnectionParts;
  readonly #isBlocked: () => boolean;
  readonly #items: Item[] = [];
  #last = 0;

  constructor(parts: ConnectionParts, isBlocked: () => boolean) {
    this.#parts = parts;
    this.#isBlocked = isBlocked;
  }

  send(delay: number, arrive: () => void): void {
    const { clock, random } = this.#parts;
    const takes = DISTANCE.least + DISTANCE.spread * random() + delay;
    this.#last = Math.max(this.#last, clock.now() + takes);
    this.#items.push({ due: this.#last, arrive });
    clock.after(this.#last - clock.now(), () => this.flow());
  }

  flow(): void {
    const now = this.#parts.clock.now();
    while (!this.#isBlocked() && this.#items.length > 0 && this.#items[0]!.due <= now + ROUNDING) {
      this.#items.shift()!.arrive();
    }
  }

  clear(): void {
    this.#items.length = 0;
  }
}
