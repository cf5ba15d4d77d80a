// One RTMP client from its handshake to its end: answers it, finds the origin of the stream it
// wants, relays, and starts over when it switches to another stream. Knows the registry only as the
// Resolver.

import { addressGroup } from "../../core/address_group.ts";
import { formatAddress } from "../../core/endpoint.ts";
import { ProtocolError, ProxyError, toProxyError } from "../../core/errors.ts";
import { type MemoryHold, MemoryLimitError } from "../../core/memory_budget.ts";
import type { EndedBy } from "../../core/contracts.ts";
import { endedBy } from "../../core/ended_by.ts";
import { streamKeyFromRtmp } from "../../core/stream_key.ts";
import type { Deadline } from "../../net/deadline.ts";
import { Inbox } from "../../net/inbox.ts";
import type { Connection } from "../../net/engine.ts";
import type { ChunkRelay } from "../../protocol/rtmp/chunk_relay.ts";
import { ClientConversation, refusal, type Said } from "../../protocol/rtmp/client_conversation.ts";
import type { StreamCommand } from "../../protocol/rtmp/command.ts";
import {
  checkVersion,
  HANDSHAKE_BLOCK,
  HANDSHAKE_GREETING,
} from "../../protocol/rtmp/handshake.ts";
import { type JoinedRelays, joinRelays } from "../../protocol/rtmp/join_relays.ts";
import type { RtmpMessage } from "../../protocol/rtmp/message.ts";
import { MessageWriter } from "../../protocol/rtmp/message_writer.ts";
import type { OriginScript } from "../../protocol/rtmp/origin_conversation.ts";
import { answerGreeting } from "./greeting.ts";
import type { Conversed, OriginLink } from "./origin_link.ts";
import type { RtmpDependencies } from "./dependencies.ts";
import { LINGER, type PairEnd, RelayedPair } from "./relayed_pair.ts";
import { StreamSession } from "./stream_session.ts";

/** A client's connection and everything that depends on it. */
export class RtmpClient {
  readonly #client: Connection;
  readonly #deps: RtmpDependencies;
  readonly #inbox = new Inbox();
  /** Memory that the client may use until an origin has accepted its stream. */
  readonly #memory: MemoryHold;
  #hasShakenHands = false;
  #pair: RelayedPair | undefined;
  readonly #writer = new MessageWriter();
  #relay: ChunkRelay | undefined;
  #link: OriginLink | undefined;
  /** The stream being served or refused; undefined before there is one. */
  #session: StreamSession | undefined;
  /** Why the session was ended before bytes flowed. */
  #ended: "shutdown" | EndedBy | undefined;
  /** A read of the inbox that was started while no bytes flowed. */
  #aheadRead: Promise<boolean> | undefined;

  constructor(client: Connection, deps: RtmpDependencies) {
    this.#client = client;
    this.#deps = deps;
    this.#memory = deps.identifyMemory.open(addressGroup(client.peer.host));
    this.#inbox.countIn(this.#memory);
  }

  /** Whether bytes flow, so that the session may go on while the process drains. */
  get isRelaying(): boolean {
    return this.#pair !== undefined;
  }

  /** The id of the session being relayed or looking for an origin; undefined before. */
  get sessionId(): string | undefined {
    return this.#session?.id;
  }

  /** Bytes that the origin of the relayed session has sent. */
  get received(): number {
    if (this.#pair === undefined || this.#link === undefined) return 0;
    return this.#client.isWriting ? Infinity : this.#link.connection.bytesIn;
  }

  /** Ends the session properly; a client whose origin is still being found is told why. */
  end(reason: "shutdown" | EndedBy): void {
    if (this.#pair !== undefined) return this.#pair.end(reason);
    if (this.#session === undefined) return this.#client.close();
    this.#ended ??= reason;
    this.#leaveOrigin();
  }

  /** See `RelayedPair.sweep`; earlier phases have deadlines of their own. */
  sweep(elapsed: number): void {
    this.#session?.tellFlowed();
    this.#pair?.sweep(elapsed, this.#deps.timeouts());
  }

  /** Serves the client to its end. Never throws errors caused by the client or an origin. */
  async run(): Promise<void> {
    using _memory = this.#memory;
    try {
      if (!await this.#shakeHands()) return;
      this.#hasShakenHands = true;
      const conversation = await this.#converse();
      if (conversation !== undefined) await this.#serve(conversation);
    } catch (error) {
      this.#countFault(error);
      if (this.#hasShakenHands) await this.#refuse(0, callFailed(error));
    }
  }

  /**
   * Counts an error caused by the client, or by others that share its memory budget. @throws any
   * other
   */
  #countFault(error: unknown): asserts error is ProxyError {
    const { metrics } = this.#deps;
    if (error instanceof ProtocolError) {
      metrics.count("srs_proxy_rtmp_protocol_errors_total", { side: "client" });
    } else if (error instanceof MemoryLimitError) {
      metrics.count("srs_proxy_rtmp_refused_total", { reason: `memory_${error.level}` });
    } else throw error;
  }

  /**
   * Called once the client is identified: what is kept for it from now on has limits of its own.
   */
  #settle(conversation: ClientConversation): void {
    conversation.settle();
    this.#inbox.countIn(undefined);
    this.#memory[Symbol.dispose]();
  }

  async #shakeHands(): Promise<boolean> {
    using deadline = this.#client.closeAfter(this.#deps.timeouts().handshake);
    const [inbox, client] = [this.#inbox, this.#client];
    if (!await inbox.require(client, 1)) return this.#countEarlyEnd("handshake", deadline);
    try {
      checkVersion(inbox.bytes[0]!);
    } catch {
      this.#deps.metrics.count("srs_proxy_rtmp_protocol_errors_total", { side: "client" });
      return false;
    }
    if (!await inbox.require(client, HANDSHAKE_GREETING)) {
      return this.#countEarlyEnd("handshake", deadline);
    }
    await client.write(answerGreeting(inbox.bytes));
    inbox.consume(HANDSHAKE_GREETING);
    if (!await inbox.require(client, HANDSHAKE_BLOCK)) {
      return this.#countEarlyEnd("handshake", deadline);
    }
    inbox.consume(HANDSHAKE_BLOCK);
    return true;
  }

  async #converse(): Promise<ClientConversation | undefined> {
    using deadline = this.#client.closeAfter(this.#deps.timeouts().identify);
    const conversation = new ClientConversation(this.#writer, this.#memory);
    while (true) {
      const taken = this.#inbox.length > 0 ? conversation.push(this.#inbox.bytes) : 0;
      this.#inbox.consume(taken);
      await this.#client.write(this.#writer.take());
      if (conversation.wish !== undefined) return conversation;
      if (!await this.#inbox.fill(this.#client)) {
        this.#countEarlyEnd("identify", deadline);
        return undefined;
      }
    }
  }

  #countEarlyEnd(phase: "handshake" | "identify", deadline: Deadline): false {
    const reason = deadline.passed ? `${phase}_timeout` as const : `left_in_${phase}` as const;
    this.#deps.metrics.count("srs_proxy_rtmp_refused_total", { reason });
    return false;
  }

  async #serve(conversation: ClientConversation): Promise<void> {
    let said = conversation.said;
    let next = conversation.wish;
    while (next !== undefined) {
      const wish = next;
      this.#session = undefined;
      try {
        next = await this.#serveStream(conversation, said, wish);
      } catch (error) {
        return await this.#refuseStream(wish, this.#reasonOf(error));
      }
      if (next !== undefined) said = conversation.openingFor(next);
    }
  }

  #reasonOf(error: unknown): ProxyError {
    if (this.#ended !== undefined) return endedBy(this.#ended);
    return this.#client.closed ? GONE : toProxyError(error);
  }

  /** @returns the client's next wish, if it has one */
  async #serveStream(
    conversation: ClientConversation,
    said: readonly Said[],
    wish: StreamCommand,
  ): Promise<StreamCommand | undefined> {
    using session = this.#beginStream(conversation, wish);
    using link = await session.findOrigin();
    this.#link = link;
    const { chunkSize } = conversation.scanner;
    const script = { said, wish, chunkSize };
    const joined = await this.#join(conversation, session, link, script);
    if (this.#ended !== undefined) return await this.#dismiss(session, this.#ended);
    const end = await this.#relayBytes(conversation, session, link, joined);
    session.endReason = end.reason;
    if (end.error !== undefined) {
      await this.#refuse(wish.message.streamId, callFailed(end.error));
    }
    return end.wish;
  }

  /** Ends the conversation with the origin, so that it is not kept in memory while bytes flow. */
  async #join(
    conversation: ClientConversation,
    session: StreamSession,
    link: OriginLink,
    script: OriginScript,
  ): Promise<Joined> {
    const { conversation: origin, pendingRead } = await this.#agree(session, link, script);
    if (session.isOpen) this.#settle(conversation);
    const { chunkSize } = this.#writer;
    return { ...joinRelays(conversation, origin, chunkSize, this.#relay), pendingRead };
  }

  /**
   * The origin had decided just before the session was ended, so the client has been told already.
   */
  async #dismiss(session: StreamSession, reason: "shutdown" | EndedBy): Promise<undefined> {
    session.endReason = reason;
    session.release();
    this.#session = undefined;
    await this.#client.closeGently(LINGER, this.#aheadRead);
  }

  /**
   * Starts a session. From now on the proxy notices if the client leaves while its origin is being
   * found.
   */
  #beginStream(conversation: ClientConversation, wish: StreamCommand): StreamSession {
    if (this.#deps.isDraining()) throw new ProxyError("draining", "Server is shutting down");
    const key = keyOf(conversation, wish);
    const session = new StreamSession(this.#deps, this.#client, key, wish);
    this.#session = session;
    this.#readAhead();
    return session;
  }

  /**
   * Finds out whether the origin accepts the stream. If it refuses with an answer of its own, that
   * has been passed to the client, and the two are relayed anyway: they decide what happens to the
   * connection.
   *
   * @throws ProxyError when the client has not been told yet
   */
  async #agree(
    session: StreamSession,
    link: OriginLink,
    script: OriginScript,
  ): Promise<Conversed> {
    if (this.#client.closed || this.#ended !== undefined) throw GONE;
    const { answer } = this.#deps.timeouts();
    const conversed = await link.converse(script, answer, (messages) => this.#tell(messages));
    const { decision } = conversed;
    if (decision.kind === "accepted") {
      await session.open(link.origin.id);
      return conversed;
    }
    session.tried.push({ origin: link.origin.id, code: "origin_refused" });
    const { code, description } = decision;
    if (decision.kind === "rejected") throw new OriginRejection(code, description);
    session.release();
    this.#reportRefusal(script.wish, new ProxyError("origin_refused", description || code));
    return conversed;
  }

  /** A wish without a valid key counts as another stream: it is refused when it is served. */
  #isFor(stream: string, conversation: ClientConversation, wish: StreamCommand): boolean {
    try {
      return keyOf(conversation, wish) === stream;
    } catch (error) {
      if (error instanceof ProxyError) return false;
      throw error;
    }
  }

  /**
   * Keeps one read pending while nothing else reads, to notice when the client leaves. If the
   * client sends something instead, only that is read, and its bytes wait for the origin.
   */
  #readAhead(): void {
    if (this.#inbox.length > 0) return;
    this.#inbox.shrink();
    this.#aheadRead = this.#inbox.fill(this.#client);
    // The error is thrown to whoever awaits the read later.
    this.#aheadRead.then((isThere) => isThere || this.#abandon(), () => this.#abandon());
  }

  #abandon(): void {
    this.#client.close();
    this.#leaveOrigin();
  }

  #leaveOrigin(): void {
    this.#session?.abandon();
    this.#link?.connection.close();
  }

  async #relayBytes(
    conversation: ClientConversation,
    session: StreamSession,
    link: OriginLink,
    { up, down, pendingRead }: Joined,
  ): Promise<PairEnd> {
    this.#relay = up;
    this.#pair = new RelayedPair({
      intent: session.intent,
      engine: this.#deps.engine,
      client: this.#client,
      link,
      up: { inbox: this.#inbox, relay: up, pendingRead: this.#aheadRead },
      down: { inbox: link.inbox, relay: down, pendingRead },
      metrics: this.#deps.metrics,
      onOver: () => session.release(),
    });
    this.#aheadRead = undefined;
    const end = await this.#pair.run((next) => {
      return session.isOpen && this.#isFor(session.stream, conversation, next);
    });
    this.#pair = undefined;
    for (const piece of this.#client.closed ? [] : down.cut()) await this.#send(piece);
    this.#writer.follow(down.receiverChunkSize);
    return end;
  }

  /** Passes on what the origin sends before its decision. */
  async #tell(messages: readonly RtmpMessage[]): Promise<void> {
    for (const message of messages) this.#writer.say(message);
    await this.#send(this.#writer.take());
  }

  /** Writes the proxy's own messages; a client that does not read them is disconnected. */
  async #send(bytes: Uint8Array): Promise<void> {
    using _deadline = this.#client.closeAfter(this.#deps.timeouts().answer);
    await this.#client.write(bytes);
  }

  async #refuseStream(wish: StreamCommand, error: ProxyError): Promise<void> {
    const code = error instanceof OriginRejection ? error.status : error.rtmpStatus(wish.intent);
    this.#reportRefusal(wish, error);
    await this.#refuse(wish.message.streamId, { code, description: error.message });
  }

  #reportRefusal(wish: StreamCommand, error: ProxyError): void {
    this.#deps.metrics.count("srs_proxy_rtmp_refused_total", { reason: error.code });
    const { id, stream, tried } = this.#session ?? {};
    this.#deps.sessions.refused({
      session: id,
      protocol: "rtmp",
      intent: wish.intent,
      stream: stream ?? wish.name.split("?", 1)[0]!.slice(0, 256),
      client: formatAddress(this.#client.peer),
      tried,
      error,
    });
  }

  async #refuse(streamId: number, reason: { code: string; description: string }): Promise<void> {
    this.#session = undefined;
    using _deadline = this.#client.closeAfter(2 * LINGER);
    this.#writer.say(refusal(streamId, reason));
    await this.#client.write(this.#writer.take());
    await this.#client.closeGently(LINGER, this.#aheadRead);
  }
}

/** Both directions, and a pending read of the origin's connection. */
interface Joined extends JoinedRelays {
  readonly pendingRead: Promise<boolean> | undefined;
}

/** The origin has refused the client before being asked for a stream. */
class OriginRejection extends ProxyError {
  /** The `code` for the client's `onStatus`: the origin's own. */
  readonly status: string;

  constructor(status: string, description: string) {
    super("origin_refused", description || "Origin refuses the client");
    this.status = status || "NetConnection.Connect.Rejected";
  }
}

const GONE = new ProxyError("client_gone", "Client has left");

function keyOf({ connect }: ClientConversation, { name: stream }: StreamCommand): string {
  return streamKeyFromRtmp({ ...connect, stream }).key;
}

function callFailed(error: ProxyError): { code: string; description: string } {
  return { code: "NetConnection.Call.Failed", description: error.message };
}
