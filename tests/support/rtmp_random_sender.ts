// A sender that produces anything the chunk format allows, at random but reproducible by seed:
// every header format, interleaved messages, new chunk sizes and Aborts in between. Its output is
// valid, so that a relay must pass on all of it.

import type { Amf0Value } from "../../src/protocol/rtmp/amf0.ts";
import { encodeCommand } from "../../src/protocol/rtmp/command.ts";
import { chunkAt, type ChunkPlan, filler, join, type SeededRandom } from "./rtmp_wire.ts";

const CHUNK_STREAMS = [3, 4, 5, 63, 64, 319, 320, 65599];
const CHUNK_SIZES = [1, 4, 100, 128, 128, 500, 500, 4096, 4096, 70000];
const TYPES = [8, 8, 8, 9, 9, 18, 3, 4, 20] as const;
/** Longest body that is not a command, bytes. */
const MOST_MEDIA = 900;
/** The bytes of the longest body by seed: every sender begins with the same seeds. */
const MEDIA = new Map<number, Uint8Array>();

function media(length: number, seed: number): Uint8Array {
  let longest = MEDIA.get(seed);
  if (longest === undefined) MEDIA.set(seed, longest = filler(MOST_MEDIA, seed));
  return longest.subarray(0, length);
}

interface Header {
  readonly length: number;
  readonly type: number;
  readonly time: number;
}

interface OpenMessage {
  readonly plan: ChunkPlan;
  sent: number;
}

export class RandomSender {
  readonly #random: SeededRandom;
  readonly #chunkStreams: readonly number[];
  readonly #parts: Uint8Array[] = [];
  readonly #headers = new Map<number, Header>();
  readonly #open = new Map<number, OpenMessage>();
  #chunkSize = 128;
  #seed = 0;

  /** @param chunkStreams additional chunk streams to use */
  constructor(random: SeededRandom, chunkStreams: readonly number[] = []) {
    this.#random = random;
    this.#chunkStreams = [...CHUNK_STREAMS, ...chunkStreams];
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return join(this.#parts);
  }

  /** Writes a whole command on chunk stream 6, which is used for nothing else. */
  command(values: readonly Amf0Value[], streamId = 0): void {
    this.#sendWhole({
      chunkStream: 6,
      format: 0,
      type: 20,
      streamId,
      body: encodeCommand(...values),
    });
  }

  /** The messages that have begun but not ended. */
  get underWay(): readonly ChunkPlan[] {
    return Array.from(this.#open.values(), ({ plan }) => plan);
  }

  /** Writes a publish, even while other messages are unfinished. */
  wish(name: string): void {
    this.command(["publish", 5, null, name, "live"], 1);
  }

  /** Writes this many chunks of new and unfinished messages. */
  chatter(chunks: number): void {
    for (let index = 0; index < chunks; index++) {
      const dice = this.#random.below(40);
      if (dice === 0) this.#setChunkSize();
      else if (dice === 1) this.#abort();
      else this.#sendSome();
    }
  }

  /** Finishes every unfinished message. */
  finish(): void {
    for (const id of this.#open.keys()) while (this.#open.has(id)) this.#sendChunk(id);
  }

  #sendSome(): void {
    const id = this.#chunkStreams[this.#random.below(this.#chunkStreams.length)]!;
    if (!this.#open.has(id)) this.#begin(id);
    this.#sendChunk(id);
  }

  #begin(chunkStream: number): void {
    const header = this.#headers.get(chunkStream);
    const format = this.#random.below(header === undefined ? 2 : 4) as ChunkPlan["format"];
    const keepsType = format >= 2;
    const type = keepsType ? header!.type : TYPES[this.#random.below(TYPES.length)]!;
    const body = keepsType && header!.type !== 4 && header!.type !== 20
      ? media(header!.length, ++this.#seed)
      : this.#body(type, keepsType ? header!.length : undefined);
    const time = format === 3 ? header!.time : this.#time();
    this.#headers.set(chunkStream, { length: body.length, type, time });
    const streamId = type === 3 || type === 4 ? 0 : 1;
    this.#open.set(chunkStream, {
      plan: { chunkStream, format, time, type, streamId, body },
      sent: 0,
    });
  }

  #time(): number {
    const dice = this.#random.below(10);
    if (dice === 0) return 0xffffff + this.#random.below(3) - 1;
    return dice === 1 ? this.#random.below(2 ** 32) : this.#random.below(100);
  }

  /** A body, valid where it must be; all but the empty ones differ. */
  #body(type: number, length: number | undefined): Uint8Array {
    const number = ++this.#seed;
    if (type === 3) return Uint8Array.from([0, 0, number >> 8, number]);
    if (type === 4) return Uint8Array.from([0, 3, 0, 0, 0, 1, 0, 0, number >> 8, number]);
    if (type !== 20) {
      return media(this.#random.below(8) === 0 ? 0 : this.#random.below(MOST_MEDIA), number);
    }
    const padding = length === undefined ? this.#random.below(300) : length - 29;
    return encodeCommand("seek", 0, null, number, "x".repeat(padding));
  }

  #sendChunk(id: number): void {
    const message = this.#open.get(id)!;
    this.#parts.push(chunkAt(message.plan, message.sent, this.#chunkSize));
    message.sent += this.#chunkSize;
    if (message.sent >= message.plan.body.length) this.#open.delete(id);
  }

  #setChunkSize(): void {
    const size = CHUNK_SIZES[this.#random.below(CHUNK_SIZES.length)]!;
    this.#control(1, size);
    this.#chunkSize = size;
  }

  #abort(): void {
    const ids = [...this.#open.keys()];
    const id = ids[this.#random.below(ids.length)];
    if (id === undefined) return;
    this.#control(2, id);
    this.#open.delete(id);
  }

  /** Writes a control message on chunk stream 7, which is used for nothing else. */
  #control(type: number, value: number): void {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setUint32(0, value);
    this.#sendWhole({ chunkStream: 7, format: 0, type, streamId: 0, body });
  }

  #sendWhole(plan: ChunkPlan): void {
    for (let at = 0; at < plan.body.length; at += this.#chunkSize) {
      this.#parts.push(chunkAt(plan, at, this.#chunkSize));
    }
  }
}
