// The proxy's side of the conversation with a client, from connect to publish or play. It answers
// what must be answered before the origin is known, and keeps what the origin must be told. Knows
// no origin and no socket. "Adobe RTMP Specification 1.0", section 7.2; FMLE's releaseStream and
// FCPublish as SRS handles them.

import { ByteReader } from "../../core/byte_reader.ts";
import { ProtocolError } from "../../core/errors.ts";
import { Allowance, type Memory } from "../../core/memory.ts";
import { ChunkScanner, type ChunkStream } from "./chunk_scanner.ts";
import {
  asStreamCommand,
  type Command,
  encodeCommand,
  encodeConnectResult,
  encodeStatus,
  parseCommand,
  property,
  saysNothing,
  type StreamCommand,
} from "./command.ts";
import { unshare } from "./header_sharing.ts";
import {
  COMMAND_CHUNK_STREAM,
  MessageType,
  peerBandwidth,
  type RtmpMessage,
  UserControl,
  userControl,
} from "./message.ts";
import { MAX_CONVERSATION, MessageAssembler } from "./message_assembler.ts";
import { type MessageWriter, OWN_CHUNK_SIZE } from "./message_writer.ts";

const WINDOW = 2500000;
const MAX_MESSAGES = 256;
/** Memory for a kept message in addition to its body, bytes. */
const MESSAGE_COST = 512;

/** The fields of `connect` that routing needs. */
export interface ConnectFields {
  readonly tcUrl: string;
  readonly app: string;
}

/** A message from the client, and whether and how the proxy has answered it. */
export interface Said {
  readonly message: RtmpMessage;
  /** What answers are matched by, if the message is a command. */
  readonly command?: Pick<Command, "name" | "transaction"> | undefined;
  /** The message stream id that the proxy has answered this createStream with. */
  readonly createdStream?: number | undefined;
  /** Whether the proxy has answered it, so that the origin's answer must not reach the client. */
  readonly answered: boolean;
}

export class ClientConversation {
  readonly scanner: ChunkScanner;
  readonly assembler: MessageAssembler;
  readonly #memory: Memory;
  #connect: ConnectFields | undefined;
  readonly #said: Said[] = [];
  #wish: StreamCommand | undefined;
  #createdStreams = 0;
  readonly #writer: MessageWriter;

  /**
   * @param writer writes the answers for the client
   * @param memory the budget for everything kept; a limit for this conversation alone unless given
   */
  constructor(
    writer: MessageWriter,
    memory: Memory = new Allowance(MAX_CONVERSATION, "Cannot keep more of the client's messages"),
  ) {
    this.#writer = writer;
    this.#memory = memory;
    this.scanner = new ChunkScanner(memory);
    this.assembler = new MessageAssembler((message, stream) => this.#take(message, stream), memory);
  }

  /** Everything the client has sent that concerns an origin, in order, except the wish itself. */
  get said(): readonly Said[] {
    return this.#said;
  }

  /** The client's publish or play; undefined until it arrives. */
  get wish(): StreamCommand | undefined {
    return this.#wish;
  }

  /** @throws ProtocolError when the client has not connected */
  get connect(): ConnectFields {
    if (this.#connect === undefined) {
      throw new ProtocolError("Cannot begin a stream before connect");
    }
    return this.#connect;
  }

  /** Called when an origin has accepted the client: from now on only connect is kept. */
  settle(): void {
    const connect = this.#said.filter(({ command }) => command?.name === "connect");
    this.#said.splice(0, this.#said.length, ...connect);
    this.#wish = undefined;
  }

  /** What another origin must be sent when the client switches to a stream there. */
  openingFor(wish: StreamCommand): readonly Said[] {
    const connect = this.#said.find(({ command }) => command?.name === "connect")!;
    const transaction = connect.command!.transaction + 1;
    const body = encodeCommand("createStream", transaction, null);
    const command = { name: "createStream", transaction };
    const type = MessageType.commandAmf0;
    const message = { ...connect.message, type, streamId: 0, body };
    return [connect, { message, command, createdStream: wish.message.streamId, answered: true }];
  }

  /**
   * Takes bytes of the client from `start` and stops after its wish.
   *
   * @returns the index of the first byte that was not taken
   * @throws ProtocolError on anything that is not RTMP, or too much of it
   */
  push(data: Uint8Array, start = 0): number {
    return this.scanner.push(data, start, this.assembler);
  }

  #take(message: RtmpMessage, stream: ChunkStream): boolean {
    switch (message.type) {
      case MessageType.commandAmf0:
      case MessageType.commandAmf3:
        return this.#takeCommand(message, stream);
      case MessageType.setChunkSize:
      case MessageType.abort:
      case MessageType.acknowledgement:
        unshare(stream);
        return false;
      case MessageType.userControl:
        this.#takeUserControl(message, stream);
        return false;
      default:
        this.#keep({ message, answered: false });
        return false;
    }
  }

  /** User Control is sent on later, out of order, so its chunk stream's state counts as unknown. */
  #takeUserControl(message: RtmpMessage, stream: ChunkStream): void {
    unshare(stream);
    const reader = new ByteReader(message.body);
    const event = reader.u16();
    if (event !== UserControl.pingRequest) {
      if (event !== UserControl.pingResponse) this.#keep({ message, answered: false });
      return;
    }
    this.#writer.say(userControl(UserControl.pingResponse, reader.u32()));
  }

  #takeCommand(message: RtmpMessage, stream: ChunkStream): boolean {
    const command = saysNothing(message) ? undefined : parseCommand(message);
    const isTooEarly = this.#connect === undefined && command?.name !== "connect";
    if (command === undefined || isTooEarly) {
      unshare(stream);
      return false;
    }
    if (this.#connect === undefined) {
      this.#takeConnect(command, message);
      return false;
    }
    this.#wish = asStreamCommand(command, message);
    if (this.#wish !== undefined) {
      this.#memory.take(message.body.length + MESSAGE_COST);
      return true;
    }
    if (command.name === "deleteStream" || command.name === "closeStream") {
      unshare(stream);
      return false;
    }
    if (!this.#answerCommand(command, message)) unshare(stream);
    return false;
  }

  #takeConnect(command: Command, message: RtmpMessage): void {
    const fields = command.values[0];
    const tcUrl = property(fields, "tcUrl");
    if (typeof tcUrl !== "string") throw new ProtocolError("Cannot connect without a tcUrl");
    const app = property(fields, "app");
    this.#connect = { tcUrl, app: typeof app === "string" ? app : "" };
    this.#keep({ message, command, answered: true });
    const encoding = property(fields, "objectEncoding");
    this.#writer.control(MessageType.windowAcknowledgementSize, WINDOW);
    this.#writer.say(peerBandwidth(WINDOW));
    this.#writer.setChunkSize(OWN_CHUNK_SIZE);
    this.#say(encodeConnectResult(encoding === 3 ? 3 : 0));
    this.#say(encodeCommand("onBWDone", 0, null));
  }

  /** Answers a command if the proxy can. @returns whether to send it to the origin */
  #answerCommand(command: Command, message: RtmpMessage): boolean {
    const { name, transaction } = command;
    if (name === "createStream") {
      this.#expectReordering();
      const createdStream = ++this.#createdStreams;
      this.#keep({ message, command, createdStream, answered: true });
      this.#say(encodeCommand("_result", transaction, null, createdStream));
      return true;
    }
    if (name === "_result" || name === "_error" || name.startsWith("on")) return false;
    const answered = transaction !== 0 && name !== "getStreamLength";
    this.#keep({ message, command, answered });
    if (answered) this.#say(encodeCommand("_result", transaction, null, undefined));
    return true;
  }

  /**
   * Messages that name a stream wait for the last createStream, so the origin gets them out of
   * order.
   */
  #expectReordering(): void {
    const waits = ({ type, streamId }: RtmpMessage) => {
      return streamId > 0 || type === MessageType.userControl;
    };
    if (!this.#said.some(({ message }) => waits(message))) return;
    for (const stream of this.scanner.streams()) unshare(stream);
  }

  #keep(said: Said): void {
    if (this.#said.length >= MAX_MESSAGES) {
      throw new ProtocolError(
        `Cannot accept more than ${MAX_MESSAGES} messages before publish or play`,
      );
    }
    this.#memory.take(said.message.body.length + MESSAGE_COST);
    const { command } = said;
    // A command's values may take many times the memory of its bytes.
    const kept = command && { name: command.name, transaction: command.transaction };
    this.#said.push(kept === undefined ? said : { ...said, command: kept });
  }

  #say(body: Uint8Array): void {
    this.#writer.say(ownCommand(0, body));
  }
}

/** An `onStatus` of level error on a message stream. */
export function refusal(
  streamId: number,
  reason: { readonly code: string; readonly description: string },
): RtmpMessage {
  return ownCommand(streamId, encodeStatus("error", reason.code, reason.description));
}

function ownCommand(streamId: number, body: Uint8Array): RtmpMessage {
  const type = MessageType.commandAmf0;
  return { chunkStream: COMMAND_CHUNK_STREAM, timestamp: 0, type, streamId, body };
}
