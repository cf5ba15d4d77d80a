// Follows an RTMP chunk stream and reports where headers, payloads and messages begin and end. It
// keeps the header state of every chunk stream and no payload; how much state a peer can make it
// keep is bounded. Follows "Adobe RTMP Specification 1.0", sections 5.3 and 5.4.

import { ProtocolError } from "../../core/errors.ts";
import { Allowance, type Memory } from "../../core/memory.ts";
import { type HeaderSharing, sharedAtFirst, Treatment } from "./header_sharing.ts";
import { MessageType } from "./message.ts";

/** Chunk size of both directions until a Set Chunk Size changes it, section 5.4.1. */
export const DEFAULT_CHUNK_SIZE = 128;

/** Memory for the header state of one chunk stream, bytes. */
export const STREAM_COST = 320;
/** Most memory for the chunk streams of one direction, bytes. A peer could open 65,599 of them. */
export const MAX_STREAMS_COST = 1024 * STREAM_COST;

const MAX_HEADER = 18;
const EXTENDED = 0xffffff;
const MESSAGE_HEADER_LENGTH = [11, 7, 3, 0] as const;

/** Shared by all scanners of the thread, none of which keeps anything here between two pushes. */
const HEADER = new Uint8Array(MAX_HEADER);

/** The header state of one chunk stream; owned by the scanner, read by its visitor. */
export interface ChunkStream extends Readonly<HeaderSharing> {
  readonly id: number;
  /** Absolute timestamp of the current message, milliseconds modulo 2³². */
  timestamp: number;
  /**
   * What a type 3 header that begins a message adds to the timestamp: the last delta or, after a
   * type 0 header, its whole timestamp, section 5.3.1.2.4.
   */
  delta: number;
  /** Whether a header other than type 3 has been seen. */
  known: boolean;
  /** Format, 0–3, of the header that began the current message. */
  format: number;
  /** Payload length of the current message, bytes. */
  length: number;
  /** Message type id of the current message. */
  type: number;
  streamId: number;
  /** The extended timestamp field, or -1 where the last header had none. */
  extended: number;
  /** Payload bytes of the current message seen so far; 0 between messages. */
  received: number;
  /** The first four payload bytes of a Set Chunk Size or Abort, as far as seen. */
  control: number;
}

/** Called for everything the scanner finds, in order. Must not keep `data`. */
export interface ChunkVisitor {
  /**
   * A chunk header is complete.
   * @param format 0–3, as on the wire
   * @param first whether the chunk begins a message
   * @param end index in `data` after the header's last byte; `scanner.header` holds all of it
   */
  onHeader(stream: ChunkStream, format: number, first: boolean, end: number): void;
  /** Payload bytes `data[start..end)` of the current chunk. */
  onPayload(stream: ChunkStream, data: Uint8Array, start: number, end: number): void;
  /** A chunk ended at `end`; `last` when its message did too. Return true to stop scanning. */
  onChunkEnd(stream: ChunkStream, last: boolean, end: number): boolean;
}

/**
 * Scans one direction of one connection incrementally.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ByteWriter } from "../../core/byte_writer.ts";
 * import { writeControl } from "./message.ts";
 *
 * const out = new ByteWriter();
 * writeControl(out, 1, 4096, DEFAULT_CHUNK_SIZE);
 * const wire = out.finish();
 * const ends: number[] = [];
 * const scanner = new ChunkScanner();
 * scanner.push(wire, 0, {
 *   onHeader: () => {},
 *   onPayload: () => {},
 *   onChunkEnd: (_stream, _last, end) => ends.push(end) < 0,
 * });
 * assert.deepEqual([ends, scanner.chunkSize], [[wire.length], 4096]);
 * ```
 */
export class ChunkScanner {
  /**
   * Bytes of the header being read; valid during a push, up to `headerLength`. Payload bytes that had
   * to be read to find the end of the header follow it and are passed to `onPayload` from here.
   */
  readonly header = HEADER;
  headerLength = 0;
  /** Chunk size in force, bytes. */
  chunkSize = DEFAULT_CHUNK_SIZE;
  /** Whether the receiver has had no other sender before this one. */
  isFirstSender = true;

  readonly #streams = new Map<number, ChunkStream>();
  readonly #memory: Memory;
  #current: ChunkStream | undefined;
  #payloadLeft = 0;
  #headerNeeded = 1;
  /** The beginning of a header whose rest comes with the next push. */
  #begun: Uint8Array | undefined;
  /** Whether the sender leaves the extended timestamp out of type 3 headers, as last seen. */
  #omitsExtended = false;

  /**
   * @param memory the budget for the header state of chunk streams, which also has a limit of its
   * own
   */
  constructor(memory?: Memory) {
    this.#memory = new Allowance(
      MAX_STREAMS_COST,
      "Cannot open more chunk streams",
      memory,
    );
  }

  /** Every chunk stream seen so far. */
  streams(): Iterable<ChunkStream> {
    return this.#streams.values();
  }

  /** The chunk stream of the current chunk; undefined between chunks. */
  get current(): ChunkStream | undefined {
    return this.#current;
  }

  /** Payload bytes that the current chunk still lacks; 0 between chunks. */
  get payloadLeft(): number {
    return this.#payloadLeft;
  }

  /**
   * Scans `data` from `start`, calling the visitor as it goes.
   *
   * @returns the index after the last byte scanned: `data.length` unless the visitor stopped it
   * @throws ProtocolError on chunk size 0 or ≥ 2³¹, too many chunk streams, a header that
   * interrupts an unfinished message or depends on one that was never sent; what the memory throws
   */
  push(data: Uint8Array, start: number, visitor: ChunkVisitor, end = data.length): number {
    let at = start;
    if (this.#begun !== undefined) this.header.set(this.#begun);
    while (at < end || this.#chunkIsComplete()) {
      if (this.#current !== undefined) {
        const next = Math.min(end, at + this.#payloadLeft);
        const stream = this.#current;
        if (next > at) this.#passPayload(stream, data, at, next, visitor);
        at = next;
        if (this.#payloadLeft > 0) break;
        this.#current = undefined;
        if (this.#endChunk(stream, at, visitor)) break;
      } else {
        at = this.#readHeader(data, at, visitor, end);
      }
    }
    this.#begun = this.headerLength === 0 ? undefined : this.header.slice(0, this.headerLength);
    return at;
  }

  #chunkIsComplete(): boolean {
    return this.#current !== undefined && this.#payloadLeft === 0;
  }

  #readHeader(data: Uint8Array, start: number, visitor: ChunkVisitor, end: number): number {
    let at = start;
    while (at < end) {
      this.header[this.headerLength++] = data[at++]!;
      if (this.headerLength < this.#headerNeeded) continue;
      this.#headerNeeded = this.#measureHeader();
      if (this.headerLength < this.#headerNeeded) continue;
      this.#beginChunk(at, visitor);
      this.headerLength = 0;
      this.#headerNeeded = 1;
      break;
    }
    return at;
  }

  /** The length of the header, as far as the available bytes tell. */
  #measureHeader(): number {
    const first = this.header[0]!;
    const basic = (first & 63) === 0 ? 2 : (first & 63) === 1 ? 3 : 1;
    if (this.headerLength < basic) return basic;
    const fields = basic + MESSAGE_HEADER_LENGTH[first >> 6]!;
    if (this.headerLength < fields) return fields;
    if (first >> 6 < 3) return this.#u24(basic) === EXTENDED ? fields + 4 : fields;
    const stream = this.#streams.get(this.#chunkStreamId(basic));
    if (stream === undefined || stream.extended < 0) return fields;
    return fields + this.#measureExtended(stream, basic);
  }

  /**
   * How many bytes to read after a type 3 header. Against section 5.3.1.3, some senders omit the
   * extended timestamp there: four bytes that do not repeat it are payload. A chunk with less
   * payload must not be read past its end, so its few bytes and the sender's habit decide.
   */
  #measureExtended(stream: ChunkStream, basic: number): number {
    if (stream.received === 0) return this.#omitsExtended ? 0 : 4;
    const payload = this.#chunkLength(stream);
    if (payload >= 4) return 4;
    if (this.headerLength < basic + payload) return payload;
    return this.#omitsExtended || !this.#repeatsExtended(stream, basic, payload) ? payload : 4;
  }

  /** Whether the first bytes after a basic header repeat the extended timestamp. */
  #repeatsExtended(stream: ChunkStream, basic: number, count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (this.header[basic + i] !== ((stream.extended >>> (24 - 8 * i)) & 255)) return false;
    }
    return true;
  }

  #beginChunk(end: number, visitor: ChunkVisitor): void {
    const format = this.header[0]! >> 6;
    const basic = (this.header[0]! & 63) === 0 ? 2 : (this.header[0]! & 63) === 1 ? 3 : 1;
    const stream = this.#stream(this.#chunkStreamId(basic));
    const first = stream.received === 0;
    if (!first && format !== 3) {
      throw new ProtocolError(
        `Cannot begin a message inside another on chunk stream ${stream.id}`,
      );
    }
    const strayBytes = first ? 0 : this.#countStrayBytes(stream, basic);
    if (first) this.#updateState(stream, format, basic);
    this.#current = stream;
    this.#payloadLeft = this.#chunkLength(stream);
    visitor.onHeader(stream, format, first, end);
    if (strayBytes > 0) {
      const to = this.headerLength;
      this.#passPayload(stream, this.header, to - strayBytes, to, visitor);
    }
  }

  /** Counts payload bytes that were read after the header of a continuation. */
  #countStrayBytes(stream: ChunkStream, basic: number): number {
    const read = this.headerLength - basic;
    if (read < 4) return read;
    if (this.#chunkLength(stream) < 4) return 0;
    this.#omitsExtended = !this.#repeatsExtended(stream, basic, 4);
    return this.#omitsExtended ? 4 : 0;
  }

  /** The payload length of the next chunk of a message. */
  #chunkLength(stream: ChunkStream): number {
    return Math.min(this.chunkSize, stream.length - stream.received);
  }

  #updateState(stream: ChunkStream, format: number, basic: number): void {
    if (format >= 2 && !stream.known) {
      throw new ProtocolError(
        `Cannot begin chunk stream ${stream.id} with a header of type ${format}`,
      );
    }
    stream.format = format;
    if (format === 3) {
      stream.timestamp = (stream.timestamp + stream.delta) >>> 0;
      return;
    }
    const field = this.#u24(basic);
    stream.extended = field === EXTENDED ? this.#u32(basic + MESSAGE_HEADER_LENGTH[format]!) : -1;
    const time = stream.extended >= 0 ? stream.extended : field;
    stream.delta = time;
    stream.timestamp = format === 0 ? time : (stream.timestamp + time) >>> 0;
    stream.known = true;
    if (format < 2) {
      stream.length = this.#u24(basic + 3);
      stream.type = this.header[basic + 6]!;
    }
    if (format === 0) stream.streamId = this.#u32LittleEndian(basic + 7);
  }

  #passPayload(
    stream: ChunkStream,
    data: Uint8Array,
    start: number,
    end: number,
    visitor: ChunkVisitor,
  ): void {
    if (stream.type <= MessageType.abort) this.#readControl(stream, data, start, end);
    stream.received += end - start;
    this.#payloadLeft -= end - start;
    visitor.onPayload(stream, data, start, end);
  }

  #endChunk(stream: ChunkStream, end: number, visitor: ChunkVisitor): boolean {
    const last = stream.received >= stream.length;
    if (last) {
      stream.received = 0;
      this.#obeyControl(stream);
    }
    return visitor.onChunkEnd(stream, last, end);
  }

  #readControl(stream: ChunkStream, data: Uint8Array, start: number, end: number): void {
    if (stream.received === 0) stream.control = 0;
    const count = Math.min(end - start, 4 - stream.received);
    for (let i = 0; i < count; i++) {
      stream.control = ((stream.control << 8) | data[start + i]!) >>> 0;
    }
  }

  #obeyControl({ type, length, control }: ChunkStream): void {
    if (type !== MessageType.setChunkSize && type !== MessageType.abort) return;
    if (length < 4) throw new ProtocolError("Cannot read a control message: too short");
    if (type === MessageType.abort) {
      const aborted = this.#streams.get(control);
      if (aborted !== undefined) aborted.received = 0;
      return;
    }
    if (control === 0 || control > 0x7fffffff) {
      throw new ProtocolError(`Cannot set chunk size: current value is ${control}`);
    }
    this.chunkSize = control;
  }

  #stream(id: number): ChunkStream {
    let stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    this.#memory.take(STREAM_COST);
    stream = {
      id,
      timestamp: 0,
      delta: 0,
      known: false,
      format: 0,
      length: 0,
      type: 0,
      streamId: 0,
      extended: -1,
      received: 0,
      control: 0,
      shared: sharedAtFirst(this.isFirstSender),
      treatment: Treatment.pass,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #chunkStreamId(basic: number): number {
    if (basic === 1) return this.header[0]! & 63;
    return 64 + this.header[1]! + (basic === 3 ? 256 * this.header[2]! : 0);
  }

  #u24(at: number): number {
    return (this.header[at]! << 16) | (this.header[at + 1]! << 8) | this.header[at + 2]!;
  }

  #u32(at: number): number {
    return (this.#u24(at) * 256) + this.header[at + 3]!;
  }

  #u32LittleEndian(at: number): number {
    const h = this.header;
    return (h[at]! | (h[at + 1]! << 8) | (h[at + 2]! << 16) | (h[at + 3]! << 24)) >>> 0;
  }
}
