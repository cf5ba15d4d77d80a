// Passes what happens to origins, streams and sessions to all listeners: numbered, with the latest events
// kept for listeners that come back, and a bounded queue for each listener. Knows no HTTP.

export type EventType =
  | "origin_added"
  | "origin_changed"
  | "origin_removed"
  | "stream_started"
  | "stream_moved"
  | "stream_ended"
  | "session_opened"
  | "session_moved"
  | "session_closed"
  /** Some events were lost to this listener: it must read the lists again. */
  | "reset";

export interface FeedEvent {
  /** Identifies the event; unique among all processes. */
  readonly id: string;
  readonly type: EventType;
  /** By the machine's clock, in ISO 8601. */
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventFeedOptions {
  /** Called with the number of events lost to a listener that was too slow. */
  readonly onDropped: (count: number) => void;
}

/** Number of events kept for listeners that come back. */
const KEPT = 2_000;
/** Limit on events waiting for one listener. */
const MOST_WAITING = 5_000;

/** Passes events to all listeners. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #name = crypto.randomUUID().slice(0, 8);
  readonly #kept: FeedEvent[] = [];
  readonly #listeners = new Set<EventListenerQueue>();
  #count = 0;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Reports an event. Costs little if nobody listens. */
  tell(type: EventType, data: FeedEvent["data"]): void {
    const event = this.#eventOf(type, data);
    this.#kept.push(event);
    if (this.#kept.length > 2 * KEPT) this.#kept.splice(0, KEPT);
    for (const listener of this.#listeners) listener.push(event);
  }

  /**
   * Listens until the result is disposed of.
   *
   * @param after id of the last event that the listener has seen: what it has missed since comes first, or
   * a `reset` if that is no longer known
   */
  listen(after?: string): EventListenerQueue {
    const listener: EventListenerQueue = new EventListenerQueue({
      reset: () => this.#eventOf("reset", {}),
      onDropped: this.#options.onDropped,
      onEnd: () => this.#listeners.delete(listener),
    });
    if (after !== undefined) this.#resume(listener, after);
    this.#listeners.add(listener);
    return listener;
  }

  /** To be called when events may have been missed: whoever listens, or comes back, is sent a `reset`. */
  interrupt(): void {
    this.#kept.length = 0;
    // Nobody has seen an event with this number.
    this.#count++;
    for (const listener of this.#listeners) listener.push(this.#eventOf("reset", {}));
  }

  #resume(listener: EventListenerQueue, after: string): void {
    const [name, number] = after.split("-");
    const missed = this.#count - Number(number);
    const isKnown = name === this.#name && missed >= 0 && missed <= this.#kept.length;
    if (!isKnown) return listener.push(this.#eventOf("reset", {}));
    if (missed > 0) { for (const event of this.#kept.slice(-missed)) listener.push(event); }
  }

  /** A reset has the number of the last event, so that whoever resumes after it misses nothing. */
  #eventOf(type: EventType, data: FeedEvent["data"]): FeedEvent {
    const number = type === "reset" ? this.#count : ++this.#count;
    const time = new Date().toISOString();
    return { id: `${this.#name}-${number}`, type, time, data };
  }
}

interface QueueOptions {
  readonly reset: () => FeedEvent;
  readonly onDropped: (count: number) => void;
  readonly onEnd: () => void;
}

/** The events waiting for one listener. */
export class EventListenerQueue implements Disposable {
  readonly #options: QueueOptions;
  #waiting: FeedEvent[] = [];
  #news = Promise.withResolvers<void>();
  #isOver = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  push(event: FeedEvent): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#options.onDropped(this.#waiting.length);
      this.#waiting = [this.#options.reset()];
    } else {
      this.#waiting.push(event);
    }
    this.#news.resolve();
  }

  /** Resolves when events are waiting, or when listening has ended. */
  get news(): Promise<void> {
    return this.#news.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Removes and returns all waiting events, oldest first. */
  take(): FeedEvent[] {
    const taken = this.#waiting;
    this.#waiting = [];
    if (!this.#isOver) this.#news = Promise.withResolvers();
    return taken;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#news.resolve();
    this.#options.onEnd();
  }
}
