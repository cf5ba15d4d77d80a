// The epoll(7) loop of a thread: says which descriptors can be read or written and runs timers. Events
// are handled at once by calls; whatever awaits promises settled by them runs before the next wait.

import { setImmediate } from "node:timers";
import { ProxyError } from "../../core/errors.ts";
import { untilNext } from "../../core/clock.ts";
import { TimerQueue } from "../../core/timer_queue.ts";
import { macroTurn } from "../udp/macro_turn.ts";
import * as c from "../udp/libc.ts";

const EVENTS = 256;
/** The runtime's own loop gets a turn at least this often, even if nobody asks for it, milliseconds. */
const TURN_INTERVAL = 1_000;
/** How long the thread rests after a round of few events under heavy load, microseconds. */
const REST = 200;
/** A signal interrupts a wait once; failures in a row beyond this mean that it never works again. */
const MAX_FAILURES = 1_000;

export interface Watched {
  /** @param events of epoll: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
  ready(events: number): void;
}

/** Collects what is ready in a round, to handle it together at its end. */
export interface RoundEnd {
  roundEnd(): void;
}

export interface RunOptions {
  /** Whether the thread blocks while nothing happens; otherwise the runtime gets a turn in every round. */
  readonly blocks: boolean;
  /** An eventfd by which other threads signal mail. */
  readonly wake?: number | undefined;
  /** Whether mail was sent that has not been received. */
  readonly hasMail?: (() => boolean) | undefined;
}

/** The loop of one thread. Owns its epoll descriptor, not those it watches. */
export class EventLoop implements Disposable {
  readonly libc: c.Libc;
  readonly clock: TimerQueue;
  readonly #epoll: number;
  readonly #watched: (Watched | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #events = new Uint8Array(EVENTS * c.EPOLL_EVENT_SIZE);
  readonly #eventView = new DataView(this.#events.buffer);
  readonly #wish = new Uint8Array(c.EPOLL_EVENT_SIZE);
  readonly #wishView = new DataView(this.#wish.buffer);
  readonly #errno: Deno.UnsafePointerView;
  readonly #timespec = new Uint8Array(c.TIMESPEC_SIZE);
  readonly #timeWords = new Uint32Array(this.#timespec.buffer);
  readonly #startedAt: number = 0;
  #generation = 0;
  #failures = 0;
  #isClosing = false;
  /** Whether something settled in this round has still to run. */
  #hasNews = true;
  /** Calls due in the next round. */
  readonly #next: (() => void)[] = [];
  /** Whom to call at the end of this round; emptying an array would free what the next round needs. */
  readonly #atEnd: RoundEnd[] = [];
  #atEndCount = 0;
  /** How many events of this round asked for a rest. */
  #restful = 0;

  /** @throws ProxyError `internal` without a descriptor for epoll */
  constructor(libc: c.Libc) {
    this.libc = libc;
    // Lanes begin at different times, so that their timers do not go off together.
    this.#startedAt = this.#time();
    this.clock = new TimerQueue(this.#time());
    // Each thread has its own, at a fixed address.
    this.#errno = new Deno.UnsafePointerView(libc.__errno_location()!);
    this.#epoll = libc.epoll_create1(c.EFD_CLOEXEC);
    if (this.#epoll < 0) throw new ProxyError("internal", "Cannot open an epoll descriptor");
  }

  /** Error number of the last call that failed. */
  get errno(): number {
    return this.#errno.getInt32();
  }

  /** Starts to watch a descriptor. @returns false when the system cannot watch another */
  watch(fd: number, watched: Watched, events: number): boolean {
    this.#generations[fd] = this.#generation = (this.#generation + 1) | 0;
    if (!this.#control(c.EPOLL_CTL_ADD, fd, events)) return false;
    this.#watched[fd] = watched;
    return true;
  }

  /** Changes the events for which a descriptor is watched. */
  rewatch(fd: number, events: number): void {
    this.#control(c.EPOLL_CTL_MOD, fd, events);
  }

  /** Stops watching a descriptor; to be called before it is closed. */
  unwatch(fd: number): void {
    if (this.#watched[fd] === undefined) return;
    this.#watched[fd] = undefined;
    this.#control(c.EPOLL_CTL_DEL, fd, 0);
  }

  /** Runs until `stop`. @throws ProxyError `internal` when waiting keeps failing */
  async run({ blocks, wake, hasMail = () => false }: RunOptions): Promise<void> {
    if (wake !== undefined) this.watch(wake, { ready: () => this.#takeWake(wake) }, c.EPOLLIN);
    let nextTurn = this.#nextTurn();
    try {
      while (!this.#isClosing) {
        if (blocks) this.#runRounds(nextTurn, hasMail);
        else this.#round(0);
        if (!blocks || this.clock.now() >= nextTurn) {
          nextTurn = this.#nextTurn();
          await macroTurn();
        } else {
          this.#hasNews = false;
          await settle();
        }
      }
    } finally {
      if (wake !== undefined) this.unwatch(wake);
    }
  }

  /** Says that a promise was settled: whatever awaits it runs before the next wait. */
  announce(): void {
    this.#hasNews = true;
  }

  /** Calls back in the next round, which starts at once, after all ready descriptors were handled. */
  inNextRound(call: () => void): void {
    this.#next.push(call);
  }

  /** Calls back once every event of this round has been handled; only from `ready`. */
  atRoundEnd(waiting: RoundEnd): void {
    this.#atEnd[this.#atEndCount++] = waiting;
  }

  /**
   * Says that this many events of the round are of a kind that comes in quick succession, where waking
   * for each costs more than handling it. The thread rests if the round had no others; only from `roundEnd`.
   */
  rest(events: number): void {
    this.#restful += events;
  }

  /** Ends `run` after this round. */
  stop(): void {
    this.#isClosing = true;
  }

  [Symbol.dispose](): void {
    this.libc.close(this.#epoll);
  }

  /** Runs rounds until something has to be awaited. Not async, since a loop in an async function is slower. */
  #runRounds(nextTurn: number, hasMail: () => boolean): void {
    do {
      const longest = Math.min(this.clock.untilNext, nextTurn - this.clock.now());
      this.#round(hasMail() ? 0 : Math.max(0, Math.ceil(longest)));
    } while (
      !this.#hasNews && !hasMail() && this.clock.now() < nextTurn && !this.#isClosing
    );
  }

  #nextTurn(): number {
    return this.clock.now() + untilNext(this.clock, TURN_INTERVAL);
  }

  #round(longest: number): void {
    const due = this.#next.length;
    const timeout = due > 0 ? 0 : longest;
    const count = this.libc.epoll_wait(this.#epoll, this.#events, EVENTS, timeout);
    this.#failures = count < 0 ? this.#failures + 1 : 0;
    if (this.#failures > MAX_FAILURES) {
      const cause = new Error(`epoll_wait failed: error ${this.errno}`);
      throw new ProxyError("internal", "Cannot wait for sockets", { cause });
    }
    if (this.clock.advance(this.#time())) this.#hasNews = true;
    for (let event = 0; event < count; event++) {
      const at = event * c.EPOLL_EVENT_SIZE;
      const fd = this.#eventView.getInt32(at + c.EPOLL_EVENT_DATA, true);
      const generation = this.#eventView.getInt32(at + c.EPOLL_EVENT_DATA + 4, true);
      // An earlier event may have closed the descriptor, and another one may have its number.
      if (this.#generations[fd] !== generation) continue;
      this.#watched[fd]?.ready(this.#eventView.getUint32(at, true));
    }
    if (due > 0) this.#next.splice(0, due).forEach((call) => call());
    this.#endRound(count);
  }

  #endRound(count: number): void {
    for (let at = 0; at < this.#atEndCount; at++) this.#atEnd[at]!.roundEnd();
    this.#atEndCount = 0;
    const isRestful = this.#restful > 0 && this.#restful === count;
    this.#restful = 0;
    if (isRestful) this.libc.usleep(REST);
  }

  /** Milliseconds since the loop was created; takes a third of the time of `performance.now`. */
  #time(): number {
    this.libc.clock_gettime(c.CLOCK_MONOTONIC, this.#timespec);
    // Seconds since the system started fit into 32 bits.
    const time = this.#timeWords[0]! * 1000 + this.#timeWords[c.TIMESPEC_NSEC / 4]! / 1e6;
    return time - this.#startedAt;
  }

  #takeWake(wake: number): void {
    this.libc.read(wake, new Uint8Array(8), 8n);
    this.#hasNews = true;
  }

  #control(operation: number, fd: number, events: number): boolean {
    this.#wishView.setUint32(0, events, true);
    this.#wishView.setInt32(c.EPOLL_EVENT_DATA, fd, true);
    this.#wishView.setInt32(c.EPOLL_EVENT_DATA + 4, this.#generations[fd] ?? 0, true);
    return this.libc.epoll_ctl(this.#epoll, operation, fd, this.#wish) === 0;
  }
}

/** Resolves when everything that follows from settled promises has run; takes two microseconds. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
