// One loop of epoll(7) for a thread: says who can be read or written, and whose time has come. What
// it finds is dealt with at once, by calls; promises that are settled meanwhile go on before the
// next wait.

import { setImmediate } from "node:timers";
import { ProxyError } from "../../core/errors.ts";
import { TimerQueue } from "../../core/timer_queue.ts";
import { macroTurn } from "../udp/macro_turn.ts";
import * as c from "../udp/libc.ts";

/** Events taken in one round. */
const EVENTS = 256;
/** The runtime's own loop gets a turn so often even if nobody asks for it, milliseconds. */
const TURN_INTERVAL = 1_000;
/** How long the thread rests between rounds of few events where many come, microseconds. */
const REST = 200;
/** A signal interrupts a wait once; what fails so often in a row would do so for ever. */
const MAX_FAILURES = 1_000;

/** Whatever waits for a descriptor. */
export interface Watched {
  /** @param events of epoll: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
  ready(events: number): void;
}

/** Whoever collects what is ready in a round, and deals with it together. */
export interface RoundEnd {
  roundEnd(): void;
}

/** How a loop runs. */
export interface RunOptions {
  /** Whether the thread is blocked while nothing happens; otherwise others get their turn all the time. */
  readonly blocks: boolean;
  /** An eventfd by which other threads say that there is mail. */
  readonly wake?: number | undefined;
  /** Whether mail was sent that has not been delivered. */
  readonly hasMail?: (() => boolean) | undefined;
}

/** The loop of one thread; it owns its epoll descriptor, not those it watches. */
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
  #generation = 0;
  #failures = 0;
  #isClosing = false;
  /** Whether something waits for this round to be over. */
  #hasNews = true;
  /** What is to happen in the next round. */
  readonly #next: (() => void)[] = [];
  /** Who waits for the end of this round. */
  readonly #atEnd: RoundEnd[] = [];
  /** Events of this round after which a rest is wanted. */
  #restful = 0;

  /** @throws ProxyError `internal` without a descriptor for epoll */
  constructor(libc: c.Libc) {
    this.libc = libc;
    this.clock = new TimerQueue(performance.now());
    // It is a thread's own, and stays where it is.
    this.#errno = new Deno.UnsafePointerView(libc.__errno_location()!);
    this.#epoll = libc.epoll_create1(c.EFD_CLOEXEC);
    if (this.#epoll < 0) throw new ProxyError("internal", "Cannot open an epoll descriptor");
  }

  /** Error number of the last call that failed. */
  get errno(): number {
    return this.#errno.getInt32();
  }

  /** Begins to watch a descriptor. @returns false when the system cannot watch another */
  watch(fd: number, watched: Watched, events: number): boolean {
    this.#generations[fd] = this.#generation = (this.#generation + 1) | 0;
    if (!this.#control(c.EPOLL_CTL_ADD, fd, events)) return false;
    this.#watched[fd] = watched;
    return true;
  }

  /** Changes what a watched descriptor is watched for. */
  rewatch(fd: number, events: number): void {
    this.#control(c.EPOLL_CTL_MOD, fd, events);
  }

  /** Watches a descriptor no more; to be called before it is closed. */
  unwatch(fd: number): void {
    if (this.#watched[fd] === undefined) return;
    this.#watched[fd] = undefined;
    this.#control(c.EPOLL_CTL_DEL, fd, 0);
  }

  /** Runs until `stop`. @throws ProxyError `internal` when waiting fails for good */
  async run({ blocks, wake, hasMail = () => false }: RunOptions): Promise<void> {
    if (wake !== undefined) this.watch(wake, { ready: () => this.#takeWake(wake) }, c.EPOLLIN);
    let nextTurn = this.clock.now() + TURN_INTERVAL;
    try {
      while (!this.#isClosing) {
        const { untilNext } = this.clock;
        const longest = Math.min(untilNext, nextTurn - this.clock.now());
        this.#round(blocks && !hasMail() ? Math.max(0, Math.ceil(longest)) : 0);
        if (!blocks || this.clock.now() >= nextTurn) {
          nextTurn = this.clock.now() + TURN_INTERVAL;
          await macroTurn();
        } else if (this.#hasNews || hasMail()) {
          this.#hasNews = false;
          await settle();
        }
      }
    } finally {
      if (wake !== undefined) this.unwatch(wake);
    }
  }

  /** A promise was settled: what follows from it happens before the next wait. */
  announce(): void {
    this.#hasNews = true;
  }

  /** Calls back in the next round, which begins at once, after all whose descriptors are ready. */
  inNextRound(call: () => void): void {
    this.#next.push(call);
  }

  /** Calls back once every event of this round has been dealt with; from `ready` alone. */
  atRoundEnd(waiting: RoundEnd): void {
    this.#atEnd.push(waiting);
  }

  /**
   * So many events of this round were of a kind of which more come at once: waking for every single one
   * costs more than dealing with it. The thread rests if the round had no others; from `roundEnd` alone.
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

  #round(longest: number): void {
    const due = this.#next.length;
    const timeout = due > 0 ? 0 : longest;
    const count = this.libc.epoll_wait(this.#epoll, this.#events, EVENTS, timeout);
    this.#failures = count < 0 ? this.#failures + 1 : 0;
    if (this.#failures > MAX_FAILURES) {
      const cause = new Error(`epoll_wait failed: error ${this.errno}`);
      throw new ProxyError("internal", "Cannot wait for sockets", { cause });
    }
    if (this.clock.advance(performance.now())) this.#hasNews = true;
    for (let event = 0; event < count; event++) {
      const at = event * c.EPOLL_EVENT_SIZE;
      const fd = this.#eventView.getInt32(at + c.EPOLL_EVENT_DATA, true);
      const generation = this.#eventView.getInt32(at + c.EPOLL_EVENT_DATA + 4, true);
      // The descriptor may be another one's since an event before.
      if (this.#generations[fd] !== generation) continue;
      this.#watched[fd]?.ready(this.#eventView.getUint32(at, true));
    }
    if (due > 0) this.#next.splice(0, due).forEach((call) => call());
    this.#endRound(count);
  }

  #endRound(count: number): void {
    for (const waiting of this.#atEnd) waiting.roundEnd();
    this.#atEnd.length = 0;
    const isRestful = this.#restful > 0 && this.#restful === count;
    this.#restful = 0;
    if (isRestful) this.libc.usleep(REST);
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

/** Resolves when everything that follows from settled promises has happened; two microseconds. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
