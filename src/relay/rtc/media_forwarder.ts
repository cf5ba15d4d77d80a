// Moves WebRTC media in its thread. A datagram of an unknown address counts only if it is a signed
// STUN Binding request of a known session (RFC 8445 section 7.2.2); nobody else hears a single byte
// back. Whatever comes from an address that has proved itself flows on unread, as does whatever its
// origin sends. Consent is prolonged by signed requests alone (RFC 7675).

import { ExpiringMap } from "../../core/expiring_map.ts";
import { ProtocolError, toProxyError } from "../../core/errors.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import type { Datagram, UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";
import type { ThreadRelay, ThreadRelayParts } from "../../net/udp/serve_thread.ts";
import {
  type BindingRequest,
  type HmacSha1,
  isBindingRequest,
  parseBindingRequest,
  verifyIntegrity,
} from "../../protocol/rtc/stun.ts";
import { type MediaDrop, noMediaDrops } from "./media_drops.ts";
import type { MediaCommand, MediaInit, MediaReport } from "./media_messages.ts";
import { type LiveMedia, type MediaPath, MediaSessions } from "./media_sessions.ts";

/** Sessions are looked through so often, milliseconds. */
const SWEEP = 1_000;
/** An origin whose host refuses everything for so long is gone, milliseconds. */
const REFUSED_FOR = 2_000;
/** While the process ends, a session may take so long to begin, milliseconds. */
const DRAIN_START = 3_000;
/** Signatures of unknown addresses that are looked at in a second: about a tenth of a core. */
const VERIFICATIONS = { rate: 5_000, burst: 1_000 };
/** Unknown users that the registry is asked about in a second, and for how long not again. */
const LOOKUPS = { rate: 500, burst: 500 };
const LOOKUP_MEMORY = { capacity: 20_000, ttl: 3_000 };

/** What a forwarder is made of. */
export interface MediaForwarderParts extends ThreadRelayParts<MediaInit, MediaReport> {
  readonly hmac: HmacSha1;
}

/** The relay of all WebRTC sessions. */
export class MediaForwarder implements ThreadRelay<MediaCommand> {
  readonly #init: MediaInit;
  readonly #engine: UdpEngine;
  readonly #hmac: HmacSha1;
  readonly #report: (report: MediaReport) => void;
  readonly #sessions: MediaSessions;
  readonly #verifications = new TokenBucket(VERIFICATIONS);
  readonly #lookups = new TokenBucket(LOOKUPS);
  readonly #asked = new ExpiringMap<string, true>(LOOKUP_MEMORY);
  #drops = noMediaDrops();
  #fromClients = { packets: 0, bytes: 0 };
  #fromOrigins = { packets: 0, bytes: 0 };
  #isDraining = false;
  #nextSweep = 0;

  constructor({ init, engine, report, hmac }: MediaForwarderParts) {
    this.#init = init;
    this.#engine = engine;
    this.#hmac = hmac;
    this.#report = report;
    this.#sessions = new MediaSessions(engine, init);
  }

  fromClient(datagram: Datagram): UdpLink | undefined {
    const { buffer, length, sender } = datagram;
    const known = this.#sessions.pathOf(sender);
    const path = isBindingRequest(buffer, length)
      ? this.#takeRequest(datagram, known)
      : known ?? this.#drop("unknown_address");
    if (path === undefined) return undefined;
    path.session.bytesIn += length;
    this.#fromClients.packets++;
    this.#fromClients.bytes += length;
    return path.link;
  }

  fromOrigin(link: UdpLink, { length }: Datagram): boolean {
    const path = this.#sessions.pathAt(link);
    if (path === undefined) return false;
    path.originAt = this.#engine.now();
    path.refusedSince = 0;
    path.session.bytesOut += length;
    this.#fromOrigins.packets++;
    this.#fromOrigins.bytes += length;
    return true;
  }

  refused(link: UdpLink): void {
    const path = this.#sessions.pathAt(link);
    if (path === undefined) return;
    const now = this.#engine.now();
    if (path.refusedSince === 0) path.refusedSince = now;
    else if (now - path.refusedSince > REFUSED_FOR) this.#end(path.session, "origin_gone");
  }

  tick(now: number): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + SWEEP;
    this.#asked.expire(now);
    for (const session of this.#sessions.all()) this.#sweep(session, now);
    this.#reportMoved();
  }

  command(command: MediaCommand): void {
    const now = this.#engine.now();
    if (command.type === "open") {
      this.#asked.delete(command.session.user, now);
      this.#sessions.put(command.session, now + this.#startTimeout);
    } else if (command.type === "close") {
      const session = this.#sessions.get(command.user);
      if (session) this.#end(session, command.reason);
    } else if (command.type === "unknown") {
      this.#asked.set(command.user, true, now);
    } else {
      this.#isDraining = true;
      const latest = now + DRAIN_START;
      for (const session of this.#sessions.all()) {
        session.startBy = Math.min(session.startBy, latest);
      }
    }
  }

  end(): void {
    for (const session of this.#sessions.all()) this.#end(session, "shutdown");
    this.#reportMoved();
  }

  get #startTimeout(): number {
    return this.#isDraining ? DRAIN_START : this.#init.startTimeout;
  }

  /** @param known the path of the sender's address, if it has one */
  #takeRequest({ buffer, length, sender }: Datagram, known?: MediaPath): MediaPath | undefined {
    const message = buffer.subarray(0, length);
    const request = readRequest(message);
    if (request === undefined) return this.#drop("malformed");
    if (known?.session.user === request.user) {
      this.#renewConsent(known, message, request);
      return known;
    }
    const session = this.#sessions.get(request.user);
    if (session === undefined) return this.#askFor(request.user);
    if (!this.#verifications.take(this.#engine.now())) return this.#drop("verify_limit");
    if (!verifyIntegrity(message, request, session.password, this.#hmac)) {
      return this.#drop("bad_integrity");
    }
    return this.#addPath(session, sender);
  }

  /** Forged requests prolong nothing; that they reach the origin is for the origin to judge. */
  #renewConsent(path: MediaPath, message: Uint8Array, request: BindingRequest): void {
    const now = this.#engine.now();
    if (!path.checks.take(now)) return;
    if (verifyIntegrity(message, request, path.session.password, this.#hmac)) path.provedAt = now;
    else this.#drops.bad_integrity++;
  }

  #addPath(session: LiveMedia, sender: Uint8Array): MediaPath | undefined {
    let path: ReturnType<MediaSessions["addPath"]>;
    try {
      path = this.#sessions.addPath(session, sender);
    } catch (error) {
      const { code } = toProxyError(error);
      if (code === "internal") throw error;
      return this.#drop("socket_limit");
    }
    if (path === "address_limit") return this.#drop("address_limit");
    if (!session.isStarted) {
      session.isStarted = true;
      this.#report({ type: "started", user: session.user, client: fromRawAddress(sender) });
    }
    return path;
  }

  /** Somebody else may know the user; its client will ask again in a moment. */
  #askFor(user: string): undefined {
    const now = this.#engine.now();
    if (!this.#isDraining && !this.#asked.get(user, now) && this.#lookups.take(now)) {
      this.#asked.set(user, true, now);
      this.#report({ type: "wanted", user });
    }
    return this.#drop("unknown_user");
  }

  #drop(reason: MediaDrop): undefined {
    this.#drops[reason]++;
    return undefined;
  }

  #sweep(session: LiveMedia, now: number): void {
    if (!session.isStarted) {
      if (now > session.startBy) this.#end(session, "never_started");
      return;
    }
    const { consentTimeout } = this.#init;
    // A client that asks is answered by its origin, so an origin that is silent is gone.
    const isHeard = session.paths.some((path) => now - path.originAt < consentTimeout);
    for (const path of [...session.paths]) {
      if (now - path.provedAt > consentTimeout) this.#sessions.removePath(path);
    }
    if (session.paths.length === 0) this.#end(session, "consent_expired");
    else if (!isHeard) this.#end(session, "origin_gone");
  }

  #end(session: LiveMedia, reason: string): void {
    this.#sessions.remove(session);
    const { user, bytesIn, bytesOut } = session;
    this.#report({ type: "ended", user, reason, bytesIn, bytesOut });
  }

  #reportMoved(): void {
    const fromClients = this.#fromClients;
    const fromOrigins = this.#fromOrigins;
    this.#report({ type: "moved", fromClients, fromOrigins, drops: this.#drops });
    this.#fromClients = { packets: 0, bytes: 0 };
    this.#fromOrigins = { packets: 0, bytes: 0 };
    this.#drops = noMediaDrops();
  }
}

function readRequest(message: Uint8Array): BindingRequest | undefined {
  try {
    return parseBindingRequest(message);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
