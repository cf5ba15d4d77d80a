// A client and its origins joined without sockets, in the same order as in the relay, so that every
// split of the bytes can be tested quickly. Keeps what each side receives.

import type { ChunkRelay } from "../../src/protocol/rtmp/chunk_relay.ts";
import { ClientConversation, type Said } from "../../src/protocol/rtmp/client_conversation.ts";
import type { StreamCommand } from "../../src/protocol/rtmp/command.ts";
import { joinRelays } from "../../src/protocol/rtmp/join_relays.ts";
import { MessageWriter } from "../../src/protocol/rtmp/message_writer.ts";
import { OriginConversation } from "../../src/protocol/rtmp/origin_conversation.ts";
import { join } from "./rtmp_wire.ts";

/** One origin of the client's connection. */
interface Leg {
  readonly conversation: OriginConversation;
  readonly told: Uint8Array[];
  down: ChunkRelay | undefined;
}

/** Both conversations and both relays of one client. */
export class Wiring {
  readonly #writer = new MessageWriter();
  readonly client = new ClientConversation(this.#writer);
  readonly #legs: Leg[] = [];
  readonly #toldClient: Uint8Array[] = [];
  #waiting: Uint8Array[] = [];
  #wish: StreamCommand | undefined;
  up: ChunkRelay | undefined;

  /** Everything the client has received. */
  get toClient(): Uint8Array<ArrayBuffer> {
    return join(this.#toldClient);
  }

  /** Everything that an origin has received, the first one unless given. */
  toOrigin(index = 0): Uint8Array<ArrayBuffer> {
    return join(this.#legs[index]?.told ?? []);
  }

  /** How much the client and its first origin have received. */
  get bytesTold(): number {
    const pieces = [...this.#toldClient, ...this.#legs[0]?.told ?? []];
    return pieces.reduce((sum, { length }) => sum + length, 0);
  }

  /** How many origins the client has been joined to. */
  get origins(): number {
    return this.#legs.length;
  }

  /** The relay from the latest origin to the client. */
  get down(): ChunkRelay | undefined {
    return this.#legs.at(-1)?.down;
  }

  get decision(): string | undefined {
    return this.#legs.at(-1)?.conversation.decision?.kind;
  }

  fromClient(bytes: Uint8Array): void {
    const leg = this.#legs.at(-1);
    if (leg === undefined) this.#converse(bytes);
    else if (leg.down === undefined) this.#waiting.push(bytes.slice());
    else this.#relayUp(leg, bytes.slice());
  }

  /** @param index the origin's index; bytes from one that the client has left are ignored */
  fromOrigin(bytes: Uint8Array, index = this.#legs.length - 1): void {
    if (index !== this.#legs.length - 1) return;
    const leg = this.#legs[index]!;
    const data = bytes.slice();
    let taken = 0;
    if (leg.down === undefined) {
      taken = leg.conversation.push(data);
      this.#takeAnswers(leg);
      if (leg.conversation.decision === undefined) return;
      this.#join(leg);
    }
    if (taken < data.length) leg.down!.push(data, taken);
    this.#takeDown(leg);
  }

  #converse(bytes: Uint8Array): void {
    const taken = this.client.push(bytes);
    this.#toldClient.push(this.#writer.take());
    if (this.client.wish === undefined) return;
    this.#waiting.push(bytes.slice(taken));
    this.#openLeg(this.client.said, this.client.wish);
  }

  #openLeg(said: readonly Said[], wish: StreamCommand): void {
    this.#wish = wish;
    const conversation = new OriginConversation({
      said,
      wish,
      chunkSize: this.client.scanner.chunkSize,
    });
    const leg: Leg = { conversation, told: [], down: undefined };
    this.#legs.push(leg);
    this.#takeAnswers(leg);
  }

  #takeAnswers({ conversation, told }: Leg): void {
    told.push(conversation.takeOutput().slice());
    for (const message of conversation.takeForClient()) this.#writer.say(message);
    this.#toldClient.push(this.#writer.take());
  }

  #join(leg: Leg): void {
    const { chunkSize } = this.#writer;
    const { up, down } = joinRelays(this.client, leg.conversation, chunkSize, this.up);
    this.up = up;
    leg.down = down;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const bytes of waiting) this.fromClient(bytes);
  }

  #relayUp(leg: Leg, bytes: Uint8Array): void {
    const up = this.up!;
    let at = 0;
    while (at < bytes.length) {
      at = up.push(bytes, at);
      for (const piece of up.takePieces()) leg.told.push(piece.slice());
      const { wish } = up;
      if (wish === undefined) return;
      if (wish.name === this.#wish!.name) up.passWish();
      else return this.#move(leg, wish, bytes.subarray(at));
    }
    for (const piece of up.takePieces()) leg.told.push(piece.slice());
  }

  #move(leg: Leg, wish: StreamCommand, rest: Uint8Array): void {
    this.#toldClient.push(...leg.down!.cut());
    this.#writer.follow(leg.down!.receiverChunkSize);
    this.#waiting.push(rest);
    this.#openLeg(this.client.openingFor(wish), wish);
  }

  #takeDown(leg: Leg): void {
    for (const piece of leg.down?.takePieces() ?? []) this.#toldClient.push(piece.slice());
  }
}
