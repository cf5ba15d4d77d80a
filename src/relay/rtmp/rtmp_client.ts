// One RTMP client from its handshake to its end: answers it, finds the origin of the stream it
// wants, relays, and starts over when it switches to another stream. Knows the registry only as the
// Resolver.

import { addressGroup } from "../../core/address_group.ts";
import { formatAddress } from "../../core/endpoint.ts";
import { ProxyError, toProxyError } from "../../core/errors.ts";
import type { MemoryHold } from "../../core/memory_budget.ts";
import type { EndedBy } from "../../core/contracts.ts";
import { endedBy, isAboutOrigin } from "../../core/ended_by.ts";
import { Inbox } from "../../net/inbox.ts";
import type { Connection } from "../../net/engine.ts";
import type { ChunkRelay } from "../../protocol/rtmp/chunk_relay.ts";
import {
  type ClientConversation,
  refusal,
  type Said,
} from "../../protocol/rtmp/client_conversation.ts";
import type { StreamCommand } from "../../protocol/rtmp/command.ts";
import { type JoinedRelays, joinRelays } from "../../protocol/rtmp/join_relays.ts";
import type { RtmpMessage } from "../../protocol/rtmp/message.ts";
import { MessageWriter } from "../../protocol/rtmp/message_writer.ts";
import type { OriginScript } from "../../protocol/rtmp/origin_conversation.ts";
import type { Conversed, OriginLink } from "./origin_link.ts";
import type { RtmpDependencies } from "./dependencies.ts";
import { converse, shakeHands } from "./client_opening.ts";
import { LINGER, type PairEnd, type PairOwner, RelayedPair } from "./relayed_pair.ts";
import { callFailed, countFault, OriginRejection } from "./refusals.ts";
import { StreamSession } from "./stream_session.ts";
import { isForStream, keyOf, outlineOf, type WishOutline } from "./wishes.ts";

/**
 * A client's connection and everything that depends on it. While bytes flow no function is suspended:
 * a stack of them for every idle player would take more memory than all the rest.
 */
export class RtmpClient implements PairOwner {
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
  readonly #onOver: (client: RtmpClient) => void;
  readonly #over = Promise.withResolvers<void>();
  /** What is being relayed. */
  #stream: RelayedStream | undefined;
  /** A read of the inbox that was started while no bytes flowed. */
  #aheadRead: Promise<boolean> | undefined;

  /** @param onOver called when it has been served */
  constructor(client: Connection, deps: RtmpDependencies, onOver: (client: RtmpClient) => void) {
    this.#client = client;
    this.#deps = deps;
    this.#onOver = onOver;
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

  /** Ends the session properly, or not if only the origin being dialled is why: others follow. */
  end(reason: "shutdown" | EndedBy): void {
    if (this.#pair !== undefined) return this.#pair.end(reason);
    if (this.#session === undefined) return this.#client.close();
    if (isAboutOrigin(reason) && this.#session.isSearching) return;
    this.#ended ??= reason;
    this.#leaveOrigin();
  }

  /** See `RelayedPair.sweep`; earlier phases have deadlines of their own. */
  sweep(elapsed: number): void {
    this.#session?.tellFlowed();
    this.#pair?.sweep(elapsed, this.#deps.timeouts());
  }

  /** Serves the client to its end. Never throws errors caused by the client or an origin. */
  run(): Promise<void> {
    this.#proceed(this.#begin());
    return this.#over.promise;
  }

  /** Waits until bytes flow, whose end begins the next phase, or all is over. */
  async #proceed(phase: Promise<Phase>): Promise<void> {
    try {
      if (await this.#guard(phase) === "flows") return;
    } catch (bug) {
      // Heard of by whoever awaits `run`.
      this.#over.reject(bug);
    }
    this.#memory[Symbol.dispose]();
    this.#onOver(this);
    this.#over.resolve();
  }

  async #guard(phase: Promise<Phase>): Promise<Phase> {
    try {
      return await phase;
    } catch (error) {
      const fault = countFault(this.#deps.metrics, error);
      if (this.#hasShakenHands) await this.#refuse(0, callFailed(fault));
      return "over";
    }
  }

  async #begin(): Promise<Phase> {
    const opening = {
      ...{ client: this.#client, inbox: this.#inbox, memory: this.#memory },
      ...{ writer: this.#writer, deps: this.#deps },
    };
    if (!await shakeHands(opening)) return "over";
    this.#hasShakenHands = true;
    const conversation = await converse(opening);
    if (conversation === undefined) return "over";
    return await this.#serve(conversation, conversation.said, conversation.wish!);
  }

  /**
   * Called once the client is identified: what is kept for it from now on has limits of its own.
   */
  #settle(conversation: ClientConversation): void {
    conversation.settle();
    this.#inbox.countIn(undefined);
    this.#memory[Symbol.dispose]();
  }

  async #serve(
    conversation: ClientConversation,
    said: readonly Said[],
    wish: StreamCommand,
  ): Promise<Phase> {
    this.#session = undefined;
    try {
      return await this.#serveStream(conversation, said, wish);
    } catch (error) {
      await this.#refuseStream(outlineOf(wish), this.#reasonOf(error));
      return "over";
    }
  }

  #reasonOf(error: unknown): ProxyError {
    if (this.#ended !== undefined) return endedBy(this.#ended);
    return this.#client.closed ? GONE : toProxyError(error);
  }

  async #serveStream(
    conversation: ClientConversation,
    said: readonly Said[],
    wish: StreamCommand,
  ): Promise<Phase> {
    const session = this.#beginStream(conversation, wish);
    let phase: Phase = "over";
    let link: OriginLink | undefined;
    try {
      link = await session.findOrigin();
      this.#link = link;
      const { chunkSize } = conversation.scanner;
      const script = { said, wish, chunkSize };
      const joined = await this.#join(conversation, session, link, script);
      if (this.#ended !== undefined) await this.#dismiss(session, this.#ended);
      else {
        this.#relayBytes({ conversation, wish: outlineOf(wish), session, link }, joined);
        phase = "flows";
      }
      return phase;
    } finally {
      if (phase === "over") leave(session, link);
    }
  }

  isSameStream(next: StreamCommand): boolean {
    const { conversation, session } = this.#stream!;
    return session.isOpen && isForStream(session.stream, conversation, next);
  }

  pairOver(): void {
    this.#stream?.session.release();
  }

  pairEnded(ending: Promise<PairEnd>): void {
    this.#proceed(this.#finish(this.#stream!, ending));
  }

  /** Bytes no longer flow: says farewell, or serves the stream that the client switches to. */
  async #finish(
    { conversation, wish, session, link, down }: RelayedStream,
    ending: Promise<PairEnd>,
  ): Promise<Phase> {
    let next: StreamCommand | undefined;
    try {
      const end = await ending;
      this.#pair = this.#stream = undefined;
      for (const piece of this.#client.closed ? [] : down.cut()) await this.#send(piece);
      this.#writer.follow(down.receiverChunkSize);
      session.endReason = end.reason;
      if (end.error !== undefined) await this.#refuse(wish.streamId, callFailed(end.error));
      next = end.wish;
    } catch (error) {
      this.#pair = this.#stream = undefined;
      leave(session, link);
      await this.#refuseStream(wish, this.#reasonOf(error));
    } finally {
      leave(session, link);
    }
    if (next === undefined) return "over";
    return await this.#serve(conversation, conversation.openingFor(next), next);
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
  async #dismiss(session: StreamSession, reason: "shutdown" | EndedBy): Promise<void> {
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

  #relayBytes(stream: Omit<RelayedStream, "down">, { up, down, pendingRead }: Joined): void {
    const { session, link } = stream;
    this.#relay = up;
    this.#stream = { ...stream, down };
    const pendingOfClient = this.#aheadRead;
    this.#aheadRead = undefined;
    this.#pair = new RelayedPair({
      intent: session.intent,
      engine: this.#deps.engine,
      client: this.#client,
      link,
      up: { inbox: this.#inbox, relay: up, pendingRead: pendingOfClient },
      down: { inbox: link.inbox, relay: down, pendingRead },
      metrics: this.#deps.metrics,
      owner: this,
    });
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

  async #refuseStream(wish: WishOutline, error: ProxyError): Promise<void> {
    const code = error instanceof OriginRejection ? error.status : error.rtmpStatus(wish.intent);
    this.#reportRefusal(wish, error);
    await this.#refuse(wish.streamId, { code, description: error.message });
  }

  #reportRefusal(wish: Pick<StreamCommand, "intent" | "name">, error: ProxyError): void {
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

/** Where a client stands when nothing is being done for it. */
type Phase = "flows" | "over";

/** A stream that is being relayed. */
interface RelayedStream {
  readonly conversation: ClientConversation;
  readonly wish: WishOutline;
  readonly session: StreamSession;
  readonly link: OriginLink;
  readonly down: ChunkRelay;
}

/** Both directions, and a pending read of the origin's connection. */
interface Joined extends JoinedRelays {
  readonly pendingRead: Promise<boolean> | undefined;
}

/** Lets go of a stream and its origin; may be called again. */
function leave(session: StreamSession, link: OriginLink | undefined): void {
  link?.[Symbol.dispose]();
  session[Symbol.dispose]();
}

const GONE = new ProxyError("client_gone", "Client has left");
