// An independent implementation of RTMP chunks for tests: a stateless writer, and a reader of whole
// buffers. The program's own code is checked against them. "Adobe RTMP Specification 1.0", section
// 5.3.

/** A message as a peer reads it. */
export interface WireMessage {
  readonly chunkStream: number;
  readonly timestamp: number;
  readonly type: number;
  readonly streamId: number;
  readonly body: Uint8Array;
}

/** A message and how to split it into chunks. */
export interface ChunkPlan {
  readonly chunkStream: number;
  /** Header format of the first chunk. */
  readonly format: 0 | 1 | 2 | 3;
  /** Timestamp for format 0, delta for the others; format 3 needs it only if extended. */
  readonly time?: number;
  readonly type?: number;
  readonly streamId?: number;
  readonly body: Uint8Array;
  readonly chunkSize?: number;
  /** Length of the basic header; the shortest possible unless given. */
  readonly basicLength?: 1 | 2 | 3;
  /** Whether continuations omit the extended timestamp, as some senders do. */
  readonly omitsExtended?: boolean;
}

const DEFAULT_CHUNK_SIZE = 128;
const EXTENDED = 0xffffff;

/** The chunks of a message, separately, so that they can be interleaved with others. */
export function chunksOf(plan: ChunkPlan): Uint8Array<ArrayBuffer>[] {
  const { body, chunkSize = DEFAULT_CHUNK_SIZE } = plan;
  const chunks = [chunkAt(plan, 0, chunkSize)];
  for (let at = chunkSize; at < body.length; at += chunkSize) {
    chunks.push(chunkAt(plan, at, chunkSize));
  }
  return chunks;
}

/** The chunk that starts at offset `at` of a message's body. */
export function chunkAt(plan: ChunkPlan, at: number, chunkSize: number): Uint8Array<ArrayBuffer> {
  const header = at === 0 ? firstHeader(plan) : continuation(plan);
  const end = Math.min(at + chunkSize, plan.body.length);
  const chunk = new Uint8Array(header.length + Math.max(0, end - at));
  for (let index = 0; index < header.length; index++) chunk[index] = header[index]!;
  chunk.set(plan.body.subarray(at, end), header.length);
  return chunk;
}

function firstHeader(plan: ChunkPlan): number[] {
  const { format, time = 0, type = 0, streamId = 0, body } = plan;
  const isExtended = time >= EXTENDED;
  const header = basicHeader(format, plan);
  if (format < 3) pushBigEndian(header, isExtended ? EXTENDED : time, 3);
  if (format < 2) {
    pushBigEndian(header, body.length, 3);
    header.push(type);
  }
  if (format === 0) header.push(streamId, streamId >>> 8, streamId >>> 16, streamId >>> 24);
  if (isExtended) pushBigEndian(header, time, 4);
  return header;
}

function continuation(plan: ChunkPlan): number[] {
  const { time = 0, omitsExtended = false } = plan;
  const header = basicHeader(3, plan);
  if (time >= EXTENDED && !omitsExtended) pushBigEndian(header, time, 4);
  return header;
}

function basicHeader(format: number, plan: ChunkPlan): number[] {
  const { chunkStream: id, basicLength = id < 64 ? 1 : id < 320 ? 2 : 3 } = plan;
  const top = format * 64;
  if (basicLength === 1) return [top + id];
  if (basicLength === 2) return [top, id - 64];
  return [top + 1, (id - 64) % 256, Math.floor((id - 64) / 256)];
}

/** A Uint8Array keeps only the lowest eight bits of each. */
function pushBigEndian(header: number[], value: number, length: number): void {
  for (let shift = 8 * (length - 1); shift >= 0; shift -= 8) header.push(value >>> shift);
}

/** The result of reading a buffer. */
export interface WireReading {
  readonly messages: readonly WireMessage[];
  /** Chunk streams with an unfinished message. */
  readonly unfinished: readonly number[];
  /** Bytes at the end that are not a whole chunk. */
  readonly rest: number;
  readonly chunkSize: number;
  /** Number of continuation chunks; 0 if each message is one chunk. */
  readonly continuations: number;
}

interface ReaderStream {
  timestamp: number;
  delta: number;
  length: number;
  type: number;
  streamId: number;
  extended: boolean;
  body: Uint8Array<ArrayBuffer>;
  received: number;
}

/** Reads a whole buffer as a strict receiver would, starting with a chunk size of 128. */
export function readWire(bytes: Uint8Array, omitsExtended = false): WireReading {
  return new WireReader(bytes, omitsExtended).read();
}

class WireReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #omitsExtended: boolean;
  readonly #streams = new Map<number, ReaderStream>();
  readonly #messages: WireMessage[] = [];
  #at = 0;
  #chunkSize = DEFAULT_CHUNK_SIZE;
  #continuations = 0;

  constructor(bytes: Uint8Array, omitsExtended: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#omitsExtended = omitsExtended;
  }

  read(): WireReading {
    let good = 0;
    try {
      while (this.#at < this.#bytes.length) {
        this.#readChunk();
        good = this.#at;
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    const unfinished = [...this.#streams].filter(([, { received }]) => received > 0);
    return {
      messages: this.#messages,
      unfinished: unfinished.map(([id]) => id),
      rest: this.#bytes.length - good,
      chunkSize: this.#chunkSize,
      continuations: this.#continuations,
    };
  }

  #readChunk(): void {
    const { format, id } = this.#readBasic();
    const known = this.#streams.get(id);
    if (known === undefined && format > 1) throw new Error(`format ${format} first on ${id}`);
    const next = known ?? newStream();
    const isFirst = next.received === 0;
    if (!isFirst && format !== 3) throw new Error(`format ${format} inside a message on ${id}`);
    if (!isFirst) this.#continuations++;
    if (isFirst) this.#readFields(next, format);
    else if (next.extended && !this.#omitsExtended) this.#skip(4);
    const size = Math.min(this.#chunkSize, next.length - next.received);
    const from = this.#skip(size);
    if (known === undefined) this.#streams.set(id, next);
    if (isFirst) next.body = new Uint8Array(next.length);
    next.body.set(this.#bytes.subarray(from, from + size), next.received);
    next.received += size;
    if (next.received === next.length) this.#finish(id, next);
  }

  #readBasic(): { format: number; id: number } {
    const first = this.#view.getUint8(this.#skip(1));
    const format = first >> 6;
    if ((first & 63) > 1) return { format, id: first & 63 };
    const low = this.#view.getUint8(this.#skip(1)) + 64;
    if ((first & 63) === 0) return { format, id: low };
    return { format, id: low + 256 * this.#view.getUint8(this.#skip(1)) };
  }

  #readFields(stream: ReaderStream, format: number): void {
    let time = stream.delta;
    if (format < 3) {
      time = this.#u24();
      stream.extended = time === EXTENDED;
    }
    if (format < 2) {
      stream.length = this.#u24();
      stream.type = this.#view.getUint8(this.#skip(1));
    }
    if (format === 0) stream.streamId = this.#view.getUint32(this.#skip(4), true);
    if (stream.extended && (format < 3 || !this.#omitsExtended)) {
      time = this.#view.getUint32(this.#skip(4));
    }
    stream.delta = time;
    stream.timestamp = format === 0 ? time : (stream.timestamp + time) % 2 ** 32;
  }

  #finish(id: number, stream: ReaderStream): void {
    const { timestamp, type, streamId, body } = stream;
    this.#messages.push({ chunkStream: id, timestamp, type, streamId, body });
    stream.received = 0;
    if (type !== 1 && type !== 2) return;
    const value = new DataView(body.buffer).getUint32(0);
    if (type === 1) this.#chunkSize = value;
    const aborted = type === 2 ? this.#streams.get(value) : undefined;
    if (aborted !== undefined) aborted.received = 0;
  }

  #u24(): number {
    const at = this.#skip(3);
    return this.#view.getUint16(at) * 256 + this.#view.getUint8(at + 2);
  }

  /** @throws RangeError past the end, as DataView does */
  #skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new RangeError("past the end");
    this.#at += length;
    return at;
  }
}

function newStream(): ReaderStream {
  return {
    timestamp: 0,
    delta: 0,
    length: 0,
    type: 0,
    streamId: 0,
    extended: false,
    body: new Uint8Array(),
    received: 0,
  };
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Parses hexadecimal digits; anything between them is ignored. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  const clean = digits.replace(/[^0-9a-f]/gi, "");
  return Uint8Array.from(clean.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** A message in one line, for readable comparisons. */
export function describe(message: WireMessage): string {
  const { chunkStream, timestamp, type, streamId, body } = message;
  return `cs ${chunkStream} t ${timestamp} type ${type} id ${streamId} ${body.length} B ${
    sum(body)
  }`;
}

function sum(body: Uint8Array): string {
  let hash = 2166136261;
  for (let at = 0; at < body.length; at++) hash = Math.imul(hash ^ body[at]!, 16777619);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Bytes that are the same in every run and differ by seed. */
export function filler(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const random = new SeededRandom(seed);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = random.below(256);
  return bytes;
}

/** Pseudo-random numbers that are the same in every run (mulberry32). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to but not including `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  }
}
