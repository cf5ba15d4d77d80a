// The sessions of WebRTC media in their thread: which client address belongs to which session, and
// for how long. A session has one path for each address from which its client has proved that it
// knows the password, and each path has its own socket to the origin, so that the origin can tell
// the client's addresses apart and answer each one, as it would without the proxy. What happens to
// an address that several sessions claim is decided in shared_address.ts.

import { addressGroup } from "../../core/address_group.ts";
import type { Address } from "../../core/address.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { AddressTable } from "../../net/udp/address_table.ts";
import type { UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";
import type { AgreedSession } from "./media_messages.ts";
import { SharedAddress } from "./shared_address.ts";

/** Addresses of one client at a time: an agent of ICE checks from each that it has. */
const MAX_PATHS = 8;
/** Signatures of one address that are looked at: a client needs one in some seconds. */
const CONSENT_CHECKS = { rate: 10, burst: 20 };
/**
 * Signatures that are looked at for one session from addresses that are not its client's yet: it has a
 * few of them, and a new one now and then. A session that is asked for more keeps no other one waiting.
 */
const VERIFICATIONS = { rate: 5, burst: 20 };

/** One address of a client and its socket towards the origin. */
export interface MediaPath {
  readonly session: MediaSession;
  readonly link: UdpLink;
  /** The client's address, in the form of `Datagram.sender`. */
  readonly client: Uint8Array;
  /** The group of addresses by which sessions are counted. */
  readonly ip: string;
  /** When the client last proved itself, and the origin last said something. */
  provedAt: number;
  originAt: number;
  /** Since when the origin's host has refused everything; 0 = it has not. */
  refusedSince: number;
  readonly checks: TokenBucket;
  /** The same address in other sessions, if there are any, and how this one stands there. */
  shared: SharedAddress<MediaPath> | undefined;
  contestedAt: number;
  hasMedia: boolean;
  hasKeys: boolean;
}

/** A session in this thread. */
export interface MediaSession {
  readonly user: string;
  readonly password: string;
  media: Address;
  /** Whether it counts where its client has asked for it, and not by the address of its media. */
  readonly isCounted: boolean;
  /** The user that it was before an ICE restart. */
  readonly before: string | undefined;
  /** The session is over unless it has begun by then. */
  startBy: number;
  isStarted: boolean;
  /** When it last lost an address to others although it had not been silent. */
  evictedAt: number;
  readonly paths: MediaPath[];
  readonly verifications: TokenBucket;
  bytesIn: number;
  bytesOut: number;
}

/** How many paths there may be. */
export interface MediaBounds {
  /** One for each session that may be open, and as many again for all that have more than one. */
  readonly maxPaths: number;
  readonly maxSessionsPerAddress: number;
}

/** All sessions and paths; bounded by whoever adds sessions and by `MediaBounds`. */
export class MediaSessions {
  readonly #engine: UdpEngine;
  /** The forwarder's own init: a reload changes it in place, but never maxPaths. */
  readonly #bounds: MediaBounds;
  readonly #sessions = new Map<string, MediaSession>();
  readonly #table: AddressTable;
  /** By the id of their link. */
  readonly #paths: (MediaPath | undefined)[] = [];
  readonly #sessionsOfIp = new Map<string, number>();
  /** Paths beyond the first of their session. */
  #extraPaths = 0;

  constructor(engine: UdpEngine, bounds: MediaBounds) {
    this.#engine = engine;
    this.#bounds = bounds;
    this.#table = new AddressTable(bounds.maxPaths);
  }

  get(user: string): MediaSession | undefined {
    return this.#sessions.get(user);
  }

  /** All sessions; one may be removed meanwhile. */
  all(): Iterable<MediaSession> {
    return this.#sessions.values();
  }

  /** The path of a client's address; of one that is shared any of its paths. */
  pathOf(sender: Uint8Array): MediaPath | undefined {
    const id = this.#table.get(sender);
    return id < 0 ? undefined : this.#paths[id];
  }

  /** The path of a socket towards an origin. */
  pathAt(link: UdpLink): MediaPath | undefined {
    return this.#paths[link.id];
  }

  /** Adds a session, or gives the one of the same user another origin address. */
  put(
    { user, password, media, isCounted = false, before }: AgreedSession,
    startBy: number,
  ): MediaSession {
    const known = this.#sessions.get(user);
    if (known) {
      known.media = media;
      return known;
    }
    const session = {
      ...{ user, password, media, isCounted, before, startBy, isStarted: false },
      ...{ evictedAt: -Infinity, paths: [], bytesIn: 0, bytesOut: 0 },
      verifications: new TokenBucket(VERIFICATIONS),
    };
    this.#sessions.set(user, session);
    return session;
  }

  remove(session: MediaSession): void {
    this.#sessions.delete(session.user);
    for (const path of [...session.paths]) this.removePath(path);
  }

  /**
   * Gives a client's address to a session; another one that it belongs to has to defend it.
   *
   * @returns "address_limit" when its IP address, or /64 of IPv6, has too many already
   * @throws ProxyError as `UdpEngine.openLink` does
   */
  addPath(session: MediaSession, sender: Uint8Array): MediaPath | "address_limit" {
    const ip = addressGroup(fromRawAddress(sender).host);
    if (!this.#hasRoom(session, ip)) return "address_limit";
    this.#makeRoom(session, sender);
    const link = this.#engine.openLink(session.media);
    link.setClient(sender);
    const path = this.#newPath(session, { link, client: sender.slice(), ip });
    if (session.paths.length > 0) this.#extraPaths++;
    if (!hasIp(session, ip)) this.#countIp(session, ip, 1);
    session.paths.push(path);
    this.#paths[link.id] = path;
    this.#share(path);
    this.#table.set(path.client, link.id);
    return path;
  }

  removePath(path: MediaPath): void {
    const { session, link, ip } = path;
    const index = session.paths.indexOf(path);
    if (index < 0) return;
    session.paths.splice(index, 1);
    if (session.paths.length > 0) this.#extraPaths--;
    this.#leaveAddress(path);
    this.#paths[link.id] = undefined;
    link.close();
    if (!hasIp(session, ip)) this.#countIp(session, ip, -1);
  }

  /** The client has proved itself at the address of one of its paths. */
  proved(path: MediaPath): void {
    const now = this.#engine.now();
    path.provedAt = now;
    path.shared?.proved(path, now);
  }

  /** Sessions whose clients count elsewhere take nobody's place here: anybody can name any sender. */
  #hasRoom(session: MediaSession, ip: string): boolean {
    if (session.isCounted || hasIp(session, ip)) return true;
    return (this.#sessionsOfIp.get(ip) ?? 0) < this.#bounds.maxSessionsPerAddress;
  }

  #countIp(session: MediaSession, ip: string, by: 1 | -1): void {
    if (session.isCounted) return;
    const count = (this.#sessionsOfIp.get(ip) ?? 0) + by;
    if (count > 0) this.#sessionsOfIp.set(ip, count);
    else this.#sessionsOfIp.delete(ip);
  }

  /** There is always a socket for the first path of a session; for a further one perhaps its own. */
  #makeRoom(session: MediaSession, sender: Uint8Array): void {
    const known = this.pathOf(sender);
    const before = known && pathOfUser(known, session.before);
    const weakest = before ? undefined : known?.shared?.weakest;
    if (before) this.removePath(before);
    if (weakest) {
      weakest.session.evictedAt = this.#engine.now();
      this.removePath(weakest);
    }
    const isFull = this.#extraPaths >= this.#bounds.maxPaths >> 1;
    const { paths } = session;
    if (paths.length >= MAX_PATHS || (isFull && paths.length > 0)) this.removePath(stalest(paths));
  }

  #share(path: MediaPath): void {
    const other = this.pathOf(path.client);
    if (other === undefined) return;
    other.shared ??= new SharedAddress(other);
    path.shared = other.shared;
    other.shared.add(path, this.#engine.now());
  }

  #leaveAddress(path: MediaPath): void {
    const { shared, client } = path;
    path.shared = undefined;
    if (shared === undefined) {
      this.#table.delete(client);
      return;
    }
    const left = shared.remove(path);
    const [last] = shared.paths;
    this.#table.set(client, last!.link.id);
    if (left > 1) return;
    last!.shared = undefined;
    last!.contestedAt = 0;
  }

  #newPath(
    session: MediaSession,
    parts: Pick<MediaPath, "link" | "client" | "ip">,
  ): MediaPath {
    const now = this.#engine.now();
    const times = { provedAt: now, originAt: now, refusedSince: 0 };
    const standing = { shared: undefined, contestedAt: 0, hasMedia: false, hasKeys: false };
    return { session, ...parts, ...times, ...standing, checks: new TokenBucket(CONSENT_CHECKS) };
  }
}

/** The path of a user at the address of any of its paths. */
export function pathOfUser(any: MediaPath, user: string | undefined): MediaPath | undefined {
  if (any.session.user === user) return any;
  return user === undefined ? undefined : any.shared?.of(user);
}

function hasIp(session: MediaSession, ip: string): boolean {
  return session.paths.some((path) => path.ip === ip);
}

function stalest(paths: readonly MediaPath[]): MediaPath {
  return paths.reduce((oldest, path) => path.provedAt < oldest.provedAt ? path : oldest);
}
