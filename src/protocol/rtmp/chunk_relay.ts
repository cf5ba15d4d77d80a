// Carries one direction of an RTMP connection from a sender to a receiver that has not seen all of
// the sender's bytes. Nearly all bytes are passed on untouched; a chunk header is rewritten only if
// it depends on state that the receiver lacks or names a different stream id, and commands are
// extracted and inspected. Knows no socket. docs/architecture.md, "The RTMP data path", explains
// why this is enough.

import { ByteWriter } from "../../core/byte_writer.ts";
import { ProtocolError } from "../../core/errors.ts";
import {
  type ChunkScanner,
  type ChunkStream,
  type ChunkVisitor,
  DEFAULT_CHUNK_SIZE,
} from "./chunk_scanner.ts";
import {
  asStreamCommand,
  isCommandType,
  MAX_COMMAND,
  parseCommand,
  saysNothing,
  type StreamCommand,
} from "./command.ts";
import {
  changeReceiver,
  collectMessage,
  isVisible,
  putMessageBack,
  relayMessage,
  Treatment,
  unshare,
} from "./header_sharing.ts";
import {
  CONTROL_CHUNK_STREAM,
  MessageType,
  type RtmpMessage,
  writeContinuation,
  writeControl,
  writeFullHeader,
  writeMessage,
} from "./message.ts";
import { type MessageAssembler, messageOf } from "./message_assembler.ts";
import { MessageBodies } from "./message_bodies.ts";
import type { StreamIds } from "./stream_ids.ts";

const ZEROS = new Uint8Array(16384);

/** Which way a relay carries bytes. */
export type Direction = "to_origin" | "to_client";

const NOTHING: Uint8Array = new Uint8Array();

/** One direction of a relayed connection. Knows no time and never waits. */
export class ChunkRelay implements ChunkVisitor {
  /** Payload bytes of messages that were passed on with a new header, or extracted and put back. */
  rewrittenBytes = 0;
  readonly scanner: ChunkScanner;
  readonly #direction: Direction;
  #streamIds: StreamIds;
  #idsDiffer = false;
  #pieces: Uint8Array[] = [];
  #data = NOTHING;
  /** Where the part of `#data` begins that is written after all pieces. */
  #restFrom = 0;
  #restTo = 0;
  #isUntouched = false;
  #rawFrom = -1;
  #heldHeader = 0;
  #wish: StreamCommand | undefined;
  #receiverChunkSize: number;
  #bodies = new MessageBodies();

  /**
   * @param scanner the sender's, in the state in which the conversation left it
   * @param receiverChunkSize the chunk size that the receiver assumes, if not the sender's; it is
   * told the sender's before the first message for which that matters
   */
  constructor(
    direction: Direction,
    scanner: ChunkScanner,
    streamIds: StreamIds,
    receiverChunkSize = scanner.chunkSize,
  ) {
    this.#direction = direction;
    this.scanner = scanner;
    this.#receiverChunkSize = receiverChunkSize;
    this.#streamIds = streamIds;
    this.#idsDiffer = !streamIds.isIdentity;
  }

  /** Bytes held for extracted messages that are not complete yet. */
  get collectedBytes(): number {
    return this.#bodies.allocated;
  }

  /** The chunk size that the receiver assumes after everything taken so far. */
  get receiverChunkSize(): number {
    return this.#receiverChunkSize;
  }

  /** The publish or play after which `push` stopped; the receiver has not been sent it. */
  get wish(): StreamCommand | undefined {
    return this.#wish;
  }

  /** Whether `push` has stopped after a wish. */
  get isStopped(): boolean {
    return this.#wish !== undefined;
  }

  /**
   * Takes bytes of the sender from `start` to `end`. Stops after a publish or play of the client.
   *
   * @returns the index of the first byte that was not taken
   * @throws ProtocolError when the sender breaks the chunk stream or a command is too long
   */
  push(data: Uint8Array, start = 0, end = data.length): number {
    this.#data = data;
    this.#rawFrom = start;
    this.#heldHeader = this.scanner.headerLength;
    this.#restFrom = this.#restTo = start;
    const taken = this.scanner.push(data, start, this, end);
    const pending = this.scanner.headerLength;
    if (this.#rawFrom >= 0) {
      const held = pending === 0 ? 0 : Math.min(pending, taken - this.#rawFrom);
      this.#restFrom = this.#rawFrom;
      this.#restTo = taken - held;
    }
    this.#isUntouched = this.#pieces.length === 0 && this.#restFrom === start;
    return taken;
  }

  /** See `Transform.untouched`. */
  get untouched(): number {
    return this.#isUntouched ? this.#restTo : -1;
  }

  /**
   * What to write for everything pushed so far. The pieces are views of the pushed buffer: write
   * them before it is reused.
   */
  takePieces(): readonly Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    if (this.#restTo > this.#restFrom) {
      pieces.push(this.#data.subarray(this.#restFrom, this.#restTo));
      this.#restFrom = this.#restTo;
    }
    return pieces;
  }

  /**
   * Takes over from the conversation, and goes on collecting its unfinished messages. The proxy's
   * own messages to the receiver used the control chunk stream.
   */
  adopt(assembler: MessageAssembler): void {
    this.#bodies = assembler.bodies;
    this.#interpose();
  }

  /**
   * Encodes a control message of the proxy's own, to be written after everything taken so far;
   * undefined if that would be inside a message.
   */
  insert(message: RtmpMessage): Uint8Array | undefined {
    if (this.scanner.payloadLeft > 0 || this.scanner.headerLength > 0) return undefined;
    if ((this.#controlStream()?.received ?? 0) > 0) return undefined;
    this.#interpose();
    const out = new ByteWriter(16);
    writeMessage(out, message, this.#receiverChunkSize);
    return out.finish();
  }

  /** Passes on the command at which `push` stopped. */
  passWish(): void {
    const wish = this.#wish;
    if (wish === undefined) return;
    this.#wish = undefined;
    this.#streamIds.use(wish.message.streamId);
    this.#putBack(wish.message);
  }

  /** Switches to another origin, which has seen nothing but its own conversation. */
  retarget(streamIds: StreamIds): void {
    this.#wish = undefined;
    this.#streamIds = streamIds;
    this.#idsDiffer = !streamIds.isIdentity;
    this.#receiverChunkSize = this.scanner.chunkSize;
    for (const stream of this.scanner.streams()) changeReceiver(stream);
  }

  /**
   * Bytes that bring the receiver to a message boundary once the sender has stopped: the rest of a
   * begun chunk as zeros, then an Abort for each unfinished message, section 5.4.2.
   */
  cut(): readonly Uint8Array[] {
    const out = new ByteWriter();
    const { scanner } = this;
    const { current } = scanner;
    const fill = this.#isHidden() ? [] : this.#fillChunk();
    for (const stream of scanner.streams()) {
      const isUnderWay = stream.received > 0 || stream === current;
      if (isUnderWay && isVisible(stream)) {
        writeControl(out, MessageType.abort, stream.id, this.#receiverChunkSize);
      }
    }
    return [...fill, out.finish()];
  }

  /**
   * Fills the rest of a chunk, whose announced length may be huge, by repeating one buffer of
   * zeros. A Set Chunk Size that is completed this way must name a valid size.
   */
  #fillChunk(): Uint8Array[] {
    const { current, payloadLeft } = this.scanner;
    const endsMessage = current !== undefined && current.received + payloadLeft === current.length;
    if (endsMessage && current.type === MessageType.setChunkSize && payloadLeft <= 4) {
      const size = new Uint8Array(payloadLeft);
      size[payloadLeft - 1] = DEFAULT_CHUNK_SIZE;
      this.scanner.push(size, 0, this);
      return [size];
    }
    const pieces: Uint8Array[] = [];
    for (let left = payloadLeft; left > 0; left -= ZEROS.length) {
      pieces.push(ZEROS.subarray(0, left));
    }
    return pieces;
  }

  /** Records that the proxy itself has sent something on the control chunk stream. */
  #interpose(): void {
    const control = this.#controlStream();
    if (control !== undefined) unshare(control);
  }

  #controlStream(): ChunkStream | undefined {
    for (const stream of this.scanner.streams()) {
      if (stream.id === CONTROL_CHUNK_STREAM) return stream;
    }
  }

  #isHidden(): boolean {
    return this.#rawFrom < 0 && this.scanner.payloadLeft > 0;
  }

  onHeader(stream: ChunkStream, format: number, first: boolean, end: number): void {
    if (first) {
      if (this.#needsAgreement(stream)) this.#agreeOnChunkSize(end);
      this.#treat(stream, format);
    }
    switch (stream.treatment) {
      case Treatment.pass:
        this.#passHeldHeader();
        return;
      case Treatment.rewrite:
        this.#hideHeader(end);
        this.#writeHeader(stream, first);
        this.#rawFrom = end;
        return;
      default:
        this.#hideHeader(end);
        this.#rawFrom = -1;
    }
  }

  onPayload(stream: ChunkStream, data: Uint8Array, start: number, end: number): void {
    if (stream.treatment === Treatment.pass) return;
    if (stream.treatment === Treatment.drop) {
      this.#rawFrom = -1;
      return;
    }
    this.rewrittenBytes += end - start;
    if (stream.treatment === Treatment.collect) {
      this.#rawFrom = -1;
      this.#bodies.append(stream, data.subarray(start, end));
    } else if (data !== this.#data) this.#pieces.push(data.slice(start, end));
  }

  onChunkEnd(stream: ChunkStream, last: boolean, end: number): boolean {
    if (this.#rawFrom < 0) this.#rawFrom = end;
    const isTold = last && stream.type === MessageType.setChunkSize &&
      stream.treatment !== Treatment.drop;
    if (isTold) this.#receiverChunkSize = this.scanner.chunkSize;
    if (!last || stream.treatment !== Treatment.collect) return false;
    const message = messageOf(stream, this.#bodies.end(stream));
    putMessageBack(stream);
    const isCommand = isCommandType(message.type) && !saysNothing(message);
    if (this.#direction === "to_origin" && isCommand) {
      this.#wish = asStreamCommand(parseCommand(message), message);
      if (this.#wish !== undefined) return true;
    }
    this.#putBack(message);
    return false;
  }

  /** Whether the receiver would split a message into different chunks than the sender has. */
  #needsAgreement({ length }: ChunkStream): boolean {
    const [ours, theirs] = [this.scanner.chunkSize, this.#receiverChunkSize];
    return ours !== theirs && length > Math.min(ours, theirs);
  }

  /** Tells the receiver the sender's chunk size before the header that ends at `end`. */
  #agreeOnChunkSize(end: number): void {
    this.#passRaw(end - this.scanner.headerLength + this.#heldHeader);
    const out = new ByteWriter(16);
    const { chunkSize } = this.scanner;
    writeControl(out, MessageType.setChunkSize, chunkSize, this.#receiverChunkSize);
    this.#pieces.push(out.finish());
    this.#receiverChunkSize = chunkSize;
    this.#interpose();
  }

  /** Decides how to treat a message when its first header is known. */
  #treat(stream: ChunkStream, format: number): void {
    if (stream.length > 0 && this.#mustCollect(stream.type)) {
      requireCommandLength(stream.length);
      this.#bodies.begin(stream);
      collectMessage(stream);
    } else relayMessage(stream, format, this.#idsDiffer);
  }

  #mustCollect(type: number): boolean {
    if (type === MessageType.userControl) return this.#idsDiffer;
    return this.#direction === "to_origin" && isCommandType(type);
  }

  #writeHeader(stream: ChunkStream, first: boolean): void {
    const out = new ByteWriter(24);
    if (first) {
      const streamId = this.#mapId(stream.streamId);
      writeFullHeader(out, { ...messageOf(stream, this.#data), streamId }, stream.length);
    } else {
      writeContinuation(out, stream.id, stream.timestamp);
    }
    this.#pieces.push(out.finish());
  }

  #mapId(id: number): number {
    if (id === 0) return 0;
    return this.#direction === "to_origin"
      ? this.#streamIds.toOrigin(id)
      : this.#streamIds.toClient(id);
  }

  #translate(message: RtmpMessage): RtmpMessage {
    return this.#direction === "to_origin"
      ? this.#streamIds.forOrigin(message)
      : this.#streamIds.forClient(message);
  }

  #putBack(message: RtmpMessage): void {
    const out = new ByteWriter(message.body.length + 64);
    writeMessage(out, this.#translate(message), this.#receiverChunkSize);
    this.#pieces.push(out.finish());
  }

  /** Passes on the part of a header that came with an earlier push and was held until now. */
  #passHeldHeader(): void {
    if (this.#heldHeader === 0) return;
    this.#pieces.push(this.scanner.header.slice(0, this.#heldHeader));
    this.#heldHeader = 0;
  }

  /** Passes on the raw bytes before a header that ends at `end`, without the header. */
  #hideHeader(end: number): void {
    if (this.#rawFrom >= 0) {
      this.#passRaw(end - this.scanner.headerLength + this.#heldHeader);
    }
    this.#heldHeader = 0;
  }

  #passRaw(end: number): void {
    if (end > this.#rawFrom) this.#pieces.push(this.#data.subarray(this.#rawFrom, end));
    this.#rawFrom = end;
  }
}

function requireCommandLength(length: number): void {
  if (length <= MAX_COMMAND) return;
  throw new ProtocolError(`Cannot relay a command of ${length} bytes`);
}
