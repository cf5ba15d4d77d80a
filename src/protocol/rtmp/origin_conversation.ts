// The proxy's side of the conversation with an origin: it repeats everything the client has sent,
// and finds out whether the origin accepts the stream. The origin's answers to what the proxy has
// already answered are swallowed; everything else goes to the client. Knows no socket and no time.
// "Adobe RTMP Specification 1.0", section 7.2.

import { Allowance } from "../../core/memory.ts";
import { ChunkScanner, type ChunkStream, type ChunkVisitor } from "./chunk_scanner.ts";
import type { Said } from "./client_conversation.ts";
import {
  type Command,
  parseCommand,
  property,
  saysNothing,
  type StreamCommand,
} from "./command.ts";
import { unshare } from "./header_sharing.ts";
import { MessageType, type RtmpMessage } from "./message.ts";
import { isMedia, MAX_CONVERSATION, MessageAssembler } from "./message_assembler.ts";
import { MessageWriter } from "./message_writer.ts";
import { StreamIds } from "./stream_ids.ts";

/** What is remembered about a command until its answer arrives, without its bytes. */
type Unanswered = Pick<Said, "command" | "createdStream" | "answered">;

/** The origin's decision. */
export type Decision =
  | { readonly kind: "accepted" }
  /** Refused; the answer has already been passed on to the client. */
  | { readonly kind: "refused"; readonly code: string; readonly description: string }
  /** Refused before publish or play; the client has not been told. */
  | { readonly kind: "rejected"; readonly code: string; readonly description: string };

/** What the proxy must send to the origin on a client's behalf. */
export interface OriginScript {
  readonly said: readonly Said[];
  readonly wish: StreamCommand;
  /** The chunk size the client writes with; the origin is told this first. */
  readonly chunkSize: number;
}

export class OriginConversation {
  readonly scanner = new ChunkScanner();
  readonly assembler = new MessageAssembler((message, stream) => this.#take(message, stream));
  readonly streamIds = new StreamIds();
  readonly #visitor: ChunkVisitor = {
    onHeader: (stream, _format, first) => this.#onHeader(stream, first),
    onPayload: (stream, data, start, end) => this.assembler.onPayload(stream, data, start, end),
    onChunkEnd: (stream, last) =>
      this.assembler.onChunkEnd(stream, last) || this.#decision !== undefined,
  };
  readonly #script: OriginScript;
  /** What the origin still has to answer, in the order in which it was sent. */
  readonly #unanswered: Unanswered[];
  #heldBack: RtmpMessage[] = [];
  #wishSaid = false;
  #bytesTaken = 0;
  #decision: Decision | undefined;
  readonly #writer = new MessageWriter();
  #toClient: RtmpMessage[] = [];
  readonly #passed = new Allowance(MAX_CONVERSATION, "Cannot pass on more before a decision");

  constructor(script: OriginScript) {
    this.#script = script;
    this.#unanswered = script.said.filter(({ command, answered }) => {
      return answered || (command !== undefined && command.transaction !== 0);
    }).map(({ command, createdStream, answered }) => ({ answered, command, createdStream }));
    this.#writer.setChunkSize(script.chunkSize);
    this.#sayOpening();
    this.#sayWishWhenReady();
  }

  /** Undefined until the origin has decided. */
  get decision(): Decision | undefined {
    return this.#decision;
  }

  /** Whether publish or play has been sent, which needs the origin's stream id. */
  get wishSaid(): boolean {
    return this.#wishSaid;
  }

  /**
   * Takes bytes of the origin from `start` and stops after the decision. Until the wish has been
   * sent they are acknowledged at once, whatever the window: an origin that coalesces small writes
   * waits for a TCP acknowledgement before it sends the next, and the kernel delays that by 40 ms
   * unless data goes out. After the wish nothing more is sent: SRS handles one message of a player
   * every 350 ms, and the player's own messages must not queue behind ours.
   *
   * @returns the index of the first byte that was not taken
   * @throws ProtocolError on anything that is not RTMP, or too much of it
   */
  push(data: Uint8Array, start = 0): number {
    if (this.#decision !== undefined) return start;
    const end = this.scanner.push(data, start, this.#visitor);
    this.#bytesTaken += end - start;
    if (!this.#wishSaid) this.#writer.control(MessageType.acknowledgement, this.#bytesTaken);
    return end;
  }

  /** What to write to the origin since the last call. */
  takeOutput(): Uint8Array<ArrayBuffer> {
    return this.#writer.take();
  }

  /** The messages for the client since the last call, with the client's stream ids. */
  takeForClient(): readonly RtmpMessage[] {
    const messages = this.#toClient;
    this.#toClient = [];
    return messages;
  }

  /**
   * Media without an answer before it means that the origin has accepted; it must not be dropped.
   */
  #onHeader(stream: ChunkStream, first: boolean): void {
    if (!first) return;
    const isAnswer = this.#wishSaid && isMedia(stream.type);
    this.assembler.collect(stream, isAnswer);
    if (isAnswer) this.#decision ??= { kind: "accepted" };
  }

  /**
   * Sends everything up to the last createStream, except messages that name a stream: these wait
   * for its id.
   */
  #sayOpening(): void {
    const { said } = this.#script;
    const lastCreate = said.findLastIndex((one) => one.createdStream !== undefined);
    let created = 0;
    said.forEach(({ message, createdStream }, index) => {
      created = createdStream ?? created;
      const namesStream = message.type === MessageType.userControl ||
        (message.streamId > 0 && message.streamId <= created);
      if (index > lastCreate || namesStream) this.#heldBack.push(message);
      else this.#say(message);
    });
  }

  #sayWishWhenReady(): void {
    if (this.#wishSaid) return;
    if (this.#unanswered.some((said) => said.createdStream !== undefined)) return;
    for (const message of this.#heldBack) this.#say(this.streamIds.forOrigin(message));
    this.#heldBack = [];
    this.streamIds.use(this.#script.wish.message.streamId);
    this.#say(this.streamIds.forOrigin(this.#script.wish.message));
    this.#wishSaid = true;
  }

  #say(message: RtmpMessage): void {
    this.#writer.repeat(message);
  }

  #take(message: RtmpMessage, stream: ChunkStream): boolean {
    switch (message.type) {
      case MessageType.commandAmf0:
      case MessageType.commandAmf3:
        this.#takeCommand(message, stream);
        break;
      case MessageType.setChunkSize:
      case MessageType.abort:
      case MessageType.acknowledgement:
        unshare(stream);
        break;
      default:
        this.#pass(message);
    }
    return this.#decision !== undefined;
  }

  #takeCommand(message: RtmpMessage, stream: ChunkStream): void {
    if (saysNothing(message)) {
      unshare(stream);
      return;
    }
    const command = parseCommand(message);
    if (command.name === "_result" || command.name === "_error") {
      if (this.#takeAnswer(command)) {
        unshare(stream);
        return;
      }
    } else if (command.name === "onBWDone") {
      unshare(stream);
      return;
    } else if (command.name === "onStatus") {
      this.#takeStatus(command);
    }
    this.#pass(message);
    if (command.name === "_error") this.#decision ??= { kind: "refused", ...reasonOf(command) };
  }

  /**
   * Matches an answer to its command. @returns whether the proxy has answered that command itself
   */
  #takeAnswer(answer: Command): boolean {
    const said = this.#whatItAnswers(answer);
    if (said === undefined) return false;
    this.#unanswered.splice(this.#unanswered.indexOf(said), 1);
    const isVital = said.createdStream !== undefined || said.command?.name === "connect";
    if (answer.name === "_error" && isVital) {
      this.#decision = { kind: "rejected", ...reasonOf(answer) };
      return true;
    }
    const id = answer.values[1];
    if (said.createdStream !== undefined && typeof id === "number") {
      this.streamIds.map(said.createdStream, id);
    }
    this.#sayWishWhenReady();
    return said.answered;
  }

  /**
   * The command that an answer belongs to. Clients give several commands the same transaction id,
   * or 0, and SRS answers connect with 1 whatever it was. So the first answer is connect's, and
   * among commands with the same id a number answers createStream.
   */
  #whatItAnswers({ name, transaction, values }: Command): Unanswered | undefined {
    const isConnect = ({ command }: Unanswered) => command?.name === "connect";
    const connect = this.#unanswered.find(isConnect);
    if (connect !== undefined) return connect;
    const isCreated = name === "_result" && typeof values[1] === "number";
    const isLike = (said: Unanswered) => (said.createdStream !== undefined) === isCreated;
    const equal = this.#unanswered.filter(({ command }) => command?.transaction === transaction);
    const [first = isCreated ? this.#unanswered.find(isLike) : undefined] = equal;
    const isNoAnswer = name === "_result" && !isCreated && first?.createdStream !== undefined;
    return equal.find(isLike) ?? (isNoAnswer ? undefined : first);
  }

  #takeStatus(command: Command): void {
    const { code, description } = reasonOf(command);
    if (property(command.values[1], "level") === "error") {
      this.#decision = { kind: "refused", code, description };
    } else if (this.#wishSaid && isStart(code)) {
      this.#decision = { kind: "accepted" };
    }
  }

  #pass(message: RtmpMessage): void {
    if (!isMedia(message.type)) this.#passed.take(message.body.length);
    this.#toClient.push(this.streamIds.forClient(message));
  }
}

function isStart(code: string): boolean {
  return code === "NetStream.Publish.Start" || code === "NetStream.Play.Start";
}

function reasonOf(command: Command): { code: string; description: string } {
  const information = command.values.find((value) => property(value, "code") !== undefined);
  return {
    code: text(property(information, "code")),
    description: text(property(information, "description")),
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 256) : "";
}
