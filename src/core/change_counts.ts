// Counts of changes in memory that threads share: whoever keeps an answer about a stream sees in two
// reads whether anything has changed since it was given. Changes are counted before anybody is told of
// them. Streams that share a slot only make each other's answers void more often than need be.

/** What was counted when an answer began to be looked for. */
export interface ChangeStamp {
  readonly slot: number;
  /** Changes of the stream, or of one that shares its slot. */
  readonly stream: number;
  /** Changes of origins. */
  readonly origins: number;
}

/** Slots of streams, a power of two; slot 0 is that of all origins together. */
const SLOTS = 16_384;

/** One thread's view of the counts. */
export class ChangeCounts {
  /** To be handed to other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #counts: Int32Array;

  /** @param memory of another thread's counts; new ones unless given */
  constructor(memory = new SharedArrayBuffer((SLOTS + 1) * 4)) {
    this.memory = memory;
    this.#counts = new Int32Array(memory);
  }

  /** Another origin has the stream, or whatever else is known of it has changed. */
  streamChanged(stream: string): void {
    Atomics.add(this.#counts, slotOf(stream), 1);
  }

  /** An origin has come, gone, changed, failed or recovered. */
  originsChanged(): void {
    Atomics.add(this.#counts, 0, 1);
  }

  /** To be taken before the answer is looked for: what changes meanwhile makes it void. */
  stamp(stream: string): ChangeStamp {
    const slot = slotOf(stream);
    return {
      slot,
      stream: Atomics.load(this.#counts, slot),
      origins: Atomics.load(this.#counts, 0),
    };
  }

  /** Whether nothing has changed since. */
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
