// Counts of changes in memory shared by threads: whoever keeps an answer about a stream sees with two reads
// whether anything has changed since. A change is counted before anybody is told of it. Streams that share
// a slot merely invalidate each other's answers more often than necessary.

/** The counts at the time when the search for an answer began. */
export interface ChangeStamp {
  readonly slot: number;
  /** Changes of the stream, or of one that shares its slot. */
  readonly stream: number;
  /** Changes of origins. */
  readonly origins: number;
}

/** Slots for streams, a power of two; slot 0 counts changes of origins. */
const SLOTS = 16_384;

export class ChangeCounts {
  /** To be handed to other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #counts: Int32Array;

  /** @param memory another thread's counts; new ones if absent */
  constructor(memory = new SharedArrayBuffer((SLOTS + 1) * 4)) {
    this.memory = memory;
    this.#counts = new Int32Array(memory);
  }

  /** The stream has another origin, or something else known about it has changed. */
  streamChanged(stream: string): void {
    Atomics.add(this.#counts, slotOf(stream), 1);
  }

  /** An origin was added, removed or changed, or has failed or recovered. */
  originsChanged(): void {
    Atomics.add(this.#counts, 0, 1);
  }

  /** To be called before the answer is looked for, so that a change in the meantime invalidates it. */
  stamp(stream: string): ChangeStamp {
    const slot = slotOf(stream);
    return {
      slot,
      stream: Atomics.load(this.#counts, slot),
      origins: Atomics.load(this.#counts, 0),
    };
  }

  /** Whether nothing has changed since the stamp was taken. */
  holds({ slot, stream, origins }: ChangeStamp): boolean {
    return Atomics.load(this.#counts, slot) === stream && Atomics.load(this.#counts, 0) === origins;
  }
}

/** FNV-1a, 32 bits. */
function slotOf(stream: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < stream.length; at++) {
    value = Math.imul(value ^ stream.charCodeAt(at), 0x01000193);
  }
  return 1 + ((value ^ (value >>> 16)) & (SLOTS - 1));
}
