// The sessions of WebRTC media in their thread: which client address belongs to which session, and
// how long. A session has one path for each address from which its client has proved that it knows
// the password, and each path has a socket of its own towards the origin, so that an origin sees the
// client's addresses apart as it would without the proxy, and answers each one.

import { addressGroup } from "../../core/address_group.ts";
import type { Address } from "../../core/origin.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { AddressTable } from "../../net/udp/address_table.ts";
import type { UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";
import type { MediaSession } from "./media_messages.ts";

/** Addresses of one client at a time: an agent of ICE checks from each that it has. */
const MAX_PATHS = 8;
/** Signatures of one address that are looked at: a client needs one in some seconds. */
const CONSENT_CHECKS = { rate: 10, burst: 20 };

/** One address of a client and its socket towards the origin. */
export interface MediaPath {
  readonly session: LiveMedia;
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
}

/** A session in this thread. */
export interface LiveMedia {
  readonly user: string;
  password: string;
  media: Address;
  /** The session is over unless it has begun by then. */
  startBy: number;
  isStarted: boolean;
  readonly paths: MediaPath[];
  bytesIn: number;
  bytesOut: number;
}

/** How many paths there may be. */
export interface MediaBounds {
  readonly maxPaths: number;
  readonly maxSessionsPerAddress: number;
}

/** All sessions and paths; bounded by whoever adds sessions and by `MediaBounds`. */
export class MediaSessions {
  readonly #engine: UdpEngine;
  readonly #bounds: MediaBounds;
  readonly #sessions = new Map<string, LiveMedia>();
  readonly #table: AddressTable;
  /** By the id of their link. */
  readonly #paths: (MediaPath | undefined)[] = [];
  readonly #sessionsOfIp = new Map<string, number>();

  constructor(engine: UdpEngine, bounds: MediaBounds) {
    this.#engine = engine;
    this.#bounds = bounds;
    this.#table = new AddressTable(bounds.maxPaths);
  }

  get(user: string): LiveMedia | undefined {
    return this.#sessions.get(user);
  }

  /** All sessions; one may be removed meanwhile. */
  all(): Iterable<LiveMedia> {
    return this.#sessions.values();
  }

  /** The path of a client's address. */
  pathOf(sender: Uint8Array): MediaPath | undefined {
    const id = this.#table.get(sender);
    return id < 0 ? undefined : this.#paths[id];
  }

  /** The path of a socket towards an origin. */
  pathAt(link: UdpLink): MediaPath | undefined {
    return this.#paths[link.id];
  }

  /** Adds a session, or gives the one of the same user a new password and origin address. */
  put({ user, password, media }: MediaSession, startBy: number): void {
    const known = this.#sessions.get(user);
    if (known) {
      known.password = password;
      known.media = media;
      return;
    }
    const counts = { bytesIn: 0, bytesOut: 0 };
    const session = { user, password, media, startBy, isStarted: false, paths: [], ...counts };
    this.#sessions.set(user, session);
  }

  remove(session: LiveMedia): void {
    this.#sessions.delete(session.user);
    for (const path of [...session.paths]) this.removePath(path);
  }

  /**
   * Gives a client's address to a session, whatever it belonged to: a NAT may give a port again.
   *
   * @returns "address_limit" when its IP address, or /64 of IPv6, has too many already
   * @throws ProxyError as `UdpEngine.openLink` does
   */
  addPath(session: LiveMedia, sender: Uint8Array): MediaPath | "address_limit" {
    const old = this.pathOf(sender);
    if (old) this.removePath(old);
    if (session.paths.length >= MAX_PATHS) this.removePath(stalest(session.paths));
    const ip = addressGroup(fromRawAddress(sender).host);
    const count = this.#sessionsOfIp.get(ip) ?? 0;
    const isNew = !hasIp(session, ip);
    if (isNew && count >= this.#bounds.maxSessionsPerAddress) return "address_limit";
    const link = this.#engine.openLink(session.media);
    link.setClient(sender);
    const path = this.#newPath(session, { link, client: sender.slice(), ip });
    this.#paths[link.id] = path;
    this.#table.set(path.client, link.id);
    if (isNew) this.#sessionsOfIp.set(ip, count + 1);
    session.paths.push(path);
    return path;
  }

  removePath(path: MediaPath): void {
    const { session, link, client, ip } = path;
    const index = session.paths.indexOf(path);
    if (index < 0) return;
    session.paths.splice(index, 1);
    this.#table.delete(client);
    this.#paths[link.id] = undefined;
    link.close();
    if (hasIp(session, ip)) return;
    const left = this.#sessionsOfIp.get(ip)! - 1;
    if (left > 0) this.#sessionsOfIp.set(ip, left);
    else this.#sessionsOfIp.delete(ip);
  }

  #newPath(
    session: LiveMedia,
    parts: Pick<MediaPath, "link" | "client" | "ip">,
  ): MediaPath {
    const now = this.#engine.now();
    const times = { provedAt: now, originAt: now, refusedSince: 0 };
    return { session, ...parts, ...times, checks: new TokenBucket(CONSENT_CHECKS) };
  }
}

function hasIp(session: LiveMedia, ip: string): boolean {
  return session.paths.some((path) => path.ip === ip);
}

function stalest(paths: readonly MediaPath[]): MediaPath {
  return paths.reduce((oldest, path) => path.provedAt < oldest.provedAt ? path : oldest);
}
