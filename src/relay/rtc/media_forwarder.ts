// Moves WebRTC media in a lane. A datagram from an unknown address counts only if it is a signed
// STUN Binding request of a known session (RFC 8445 section 7.2.2); nobody else gets a single byte
// back. Everything from an address that has proved itself is passed on unread, as is everything its
// origin sends. Only signed requests renew consent (RFC 7675).

import { ProtocolError, toProxyError } from "../../core/errors.ts";
import type { Datagram, UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";
import { isMedia, isStun, showsKeys } from "../../protocol/rtc/demux.ts";
import {
  type BindingRequest,
  type HmacSha1,
  isBindingRequest,
  parseBindingRequest,
  verifyIntegrity,
} from "../../protocol/rtc/stun.ts";
import type { DropReason } from "../udp/figures.ts";
import type { Forwarder, ForwarderParts } from "../udp/forwarder.ts";
import { Traffic } from "../udp/traffic.ts";
import type { ClientConnections, ConnectionForwarder } from "./client_connection.ts";
import type { ClientPlace } from "./client_location.ts";
import { KnownUsers } from "./known_users.ts";
import type { MediaCommand, MediaEnd, MediaInit, MediaReport } from "./media_messages.ts";
import type { ClientConnection, MediaPath, MediaSession } from "./media_path.ts";
import { MediaSessions, pathOfUser } from "./media_sessions.ts";
import type { SharedAddress } from "./shared_address.ts";
import { type HeldRequest, UnknownUsers } from "./unknown_users.ts";

/** An origin counts as gone after its host has refused datagrams for so long, milliseconds. */
const UNREACHABLE_FOR = 2_000;
/**
 * A session that shares an address with another one must prove itself within this time,
 * milliseconds, or within a third of the consent timeout if that is less. RFC 7675 has clients do
 * so every 6 s at the latest.
 */
const GRACE = 10_000;

export interface MediaForwarderParts extends ForwarderParts<MediaInit, MediaReport> {
  readonly hmac: HmacSha1;
  /** Clients over TCP; absent if there can be none. */
  readonly connections?: ClientConnections | undefined;
}

/** Relays the media of all WebRTC sessions in its lane. */
export class MediaForwarder implements Forwarder<MediaCommand>, ConnectionForwarder {
  readonly #init: () => MediaInit;
  readonly #engine: UdpEngine;
  readonly #hmac: HmacSha1;
  readonly #connections: ClientConnections | undefined;
  readonly #report: (report: MediaReport) => void;
  readonly #sessions: MediaSessions;
  readonly #unknown: UnknownUsers;
  readonly #users: KnownUsers;
  readonly #traffic: Traffic<string, "rtc", MediaEnd>;
  #isDraining = false;

  constructor({ init, engine, tallies, report, hmac, connections }: MediaForwarderParts) {
    this.#init = init;
    this.#engine = engine;
    this.#hmac = hmac;
    this.#connections = connections;
    this.#report = report;
    this.#traffic = new Traffic("rtc", report);
    this.#sessions = new MediaSessions(engine, init, tallies);
    this.#users = new KnownUsers(init().users);
    this.#unknown = new UnknownUsers(() => this.#drop("unknown_user"), init().lanes);
    connections?.attach(this);
  }

  /** @param connection the TCP connection over which it has come; undefined for UDP */
  fromClient(datagram: Datagram, connection?: ClientConnection): UdpLink | undefined {
    const { buffer, length, sender } = datagram;
    const known = connection ? connection.path : this.#sessions.pathOf(sender);
    const path = isBindingRequest(buffer, length)
      ? this.#takeRequest(datagram, known, connection)
      : known?.shared
      ? this.#shareOut(known.shared, datagram)
      : known ?? this.#drop("unknown_address");
    if (path === undefined) return undefined;
    if (!isStun(buffer, length)) path.moved++;
    this.#traffic.fromClient(path.session, length);
    return path.link;
  }

  fromOrigin(link: UdpLink, { buffer, length }: Datagram): boolean {
    const path = this.#sessions.pathAt(link);
    if (path === undefined) return false;
    if (!path.hasKeys) this.#lookForKeys(path, buffer, length);
    const { addresses } = path.session;
    if (addresses.isOpen) addresses.heard(path.origin);
    path.originAt = this.#engine.now();
    if (!isStun(buffer, length)) path.moved++;
    path.unreachableSince = 0;
    this.#traffic.fromOrigin(path.session, length);
    if (path.connection === undefined) return true;
    if (!path.connection.send(buffer, length)) this.#drop("tcp_full");
    return false;
  }

  left(connection: ClientConnection): void {
    this.#sessions.lost(connection);
  }

  tooLong(count: number): void {
    this.#traffic.drop("tcp_too_long", count);
  }

  unreachable(link: UdpLink): void {
    const path = this.#sessions.pathAt(link);
    if (path === undefined) return;
    const now = this.#engine.now();
    this.#sessions.refused(path);
    if (path.unreachableSince === 0) path.unreachableSince = now;
    else if (now - path.unreachableSince > UNREACHABLE_FOR) this.#end(path.session, "origin_gone");
  }

  tick(now: number): void {
    this.#traffic.sweep(now, () => {
      this.#unknown.expire(now);
      for (const session of this.#sessions.all()) this.#sweep(session, now);
    });
  }

  command(command: MediaCommand): void {
    const now = this.#engine.now();
    if (command.type === "open") this.#open(command);
    else if (command.type === "close") {
      const session = this.#sessions.get(command.key);
      if (session) this.#end(session, command.reason);
    } else if (command.type === "unknown") this.#unknown.unknown(command.user, now);
    else if (command.type === "count") {
      this.#traffic.count(command, (key) => this.#sessions.get(key));
    } else this.#isDraining = true;
  }

  end(): void {
    this.#connections?.stop();
    this.#unknown.expire(Infinity);
    for (const session of this.#sessions.all()) this.#end(session, "shutdown");
    this.#traffic.report();
  }

  #open({ session: agreed, isWanted }: Extract<MediaCommand, { type: "open" }>): void {
    const session = this.#sessions.put(agreed);
    for (const held of this.#unknown.take(agreed.user, this.#engine.now())) this.#replay(held);
    if (isWanted && !session.isStarted) this.#end(session, "never_started");
  }

  #lookForKeys(path: MediaPath, buffer: Uint8Array, length: number): void {
    path.hasKeys = showsKeys(buffer, length);
    path.hasMedia ||= path.hasKeys || isMedia(buffer, length);
    if (!path.hasKeys) return;
    const { session: { user }, client } = path;
    this.#report({ type: "keyed", user, client: fromRawAddress(client) });
  }

  /** Handles a held request as if it had arrived now. */
  #replay({ bytes, sender, connection }: HeldRequest): void {
    if (connection?.isClosed) return this.#drop("unknown_user");
    this.fromClient({ buffer: bytes, length: bytes.length, sender }, connection)?.send(bytes);
  }

  /** @returns the path that the engine sends the datagram to; the others have been sent it */
  #shareOut(shared: SharedAddress<MediaPath>, { buffer, length }: Datagram): MediaPath {
    const [first, ...others] = shared.receivers(buffer, length, this.#engine.now());
    for (const { link, session } of others) {
      link.send(buffer.subarray(0, length));
      session.bytesIn += length;
    }
    return first!;
  }

  /** @param known a path of the sender's address, if there is one */
  #takeRequest(
    { buffer, length, sender }: Datagram,
    known: MediaPath | undefined,
    connection: ClientConnection | undefined,
  ): MediaPath | undefined {
    const message = buffer.subarray(0, length);
    const request = readRequest(message);
    if (request === undefined) return this.#drop("malformed");
    const own = known && pathOfUser(known, request.user);
    if (own) return this.#renewConsent(own, message, request);
    const session = this.#sessions.get(request.user);
    if (session === undefined) {
      return this.#askFor(request.user, { bytes: message, sender, connection });
    }
    if (!session.verifications.take(this.#engine.now())) return this.#drop("verify_limit");
    if (!verifyIntegrity(message, request, session.password, this.#hmac)) {
      return this.#drop("bad_integrity");
    }
    return this.#addPath(session, sender, connection);
  }

  /**
   * Forged requests do not renew consent. They still reach the origin, which judges them itself,
   * unless several sessions claim the address.
   */
  #renewConsent(
    path: MediaPath,
    message: Uint8Array,
    request: BindingRequest,
  ): MediaPath | undefined {
    if (!path.checks.take(this.#engine.now())) {
      return path.shared ? this.#drop("verify_limit") : path;
    }
    if (verifyIntegrity(message, request, path.session.password, this.#hmac)) {
      this.#sessions.proved(path);
      this.#sessions.seekOrigin(path);
      return path;
    }
    this.#drop("bad_integrity");
    return path.shared ? undefined : path;
  }

  #addPath(
    session: MediaSession,
    sender: Uint8Array,
    connection: ClientConnection | undefined,
  ): MediaPath | undefined {
    let path: ReturnType<MediaSessions["addPath"]>;
    try {
      path = this.#sessions.addPath(session, sender, connection);
    } catch (error) {
      const { code } = toProxyError(error);
      if (code === "internal") throw error;
      return this.#drop("socket_limit");
    }
    if (typeof path === "string") return this.#drop(path);
    if (!session.isStarted) {
      session.isStarted = true;
      this.#report({ type: "started", user: session.user, ...placeOf(path) });
    }
    return path;
  }

  /** Asks the main thread about a user, and holds the request meanwhile. */
  #askFor(user: string, held: HeldRequest): undefined {
    const isKnown = this.#users.has(user);
    if (this.#isDraining && !isKnown) return this.#drop("unknown_user");
    const { isAsked, isHeld } = this.#unknown.ask(user, { ...held, isKnown }, this.#engine.now());
    if (isAsked) this.#report({ type: "wanted", user });
    return isHeld ? undefined : this.#drop("unknown_user");
  }

  #drop(reason: DropReason<"rtc">): undefined {
    return this.#traffic.drop(reason);
  }

  #sweep(session: MediaSession, now: number): void {
    // The main thread ends sessions that never begin, since they may have begun in another lane.
    if (!session.isStarted) return;
    this.#traffic.look(session.user, session, now);
    this.#locate(session);
    const { consentTimeout } = this.#init();
    const grace = Math.min(GRACE, consentTimeout / 3);
    // The origin answers the client's requests, so a silent origin is gone.
    const isHeard = session.paths.some((path) => now - path.originAt < consentTimeout);
    for (const path of [...session.paths]) {
      const isTaken = path.contestedAt > 0 && now - path.contestedAt > grace;
      if (isTaken || now - path.provedAt > consentTimeout) this.#sessions.removePath(path);
    }
    if (session.paths.length === 0) {
      if (now - session.evictedAt > grace) this.#end(session, "consent_expired");
    } else if (!isHeard) this.#end(session, "origin_gone");
  }

  /** Reports where the client's media flows, if that is not where it did. */
  #locate(session: MediaSession): void {
    let [location, most]: [MediaPath | undefined, number] = [undefined, 0];
    for (const path of session.paths) {
      if (path.moved > most) [location, most] = [path, path.moved];
      path.moved = 0;
    }
    if (location === session.location) return;
    session.location = location;
    const place = location && placeOf(location);
    this.#report({ type: "located", user: session.user, place });
  }

  #end(session: MediaSession, reason: MediaEnd): void {
    this.#sessions.remove(session);
    this.#traffic.ended(session.user, session, reason);
  }
}

/** The address of a path's client, and its transport. */
function placeOf({ client, connection }: MediaPath): ClientPlace {
  return { client: fromRawAddress(client), transport: connection === undefined ? "udp" : "tcp" };
}

function readRequest(message: Uint8Array): BindingRequest | undefined {
  try {
    return parseBindingRequest(message);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
