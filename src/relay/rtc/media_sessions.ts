// The WebRTC sessions in a lane: which client address belongs to which session, and for how long. A
// session has one path for each address from which its client has proved that it knows the
// password, and each path has its own socket to the origin, so that the origin can tell the
// client's addresses apart and answer each one, as it would without the proxy. shared_address.ts
// decides what happens to an address that several sessions claim.

import { addressGroup } from "../../core/address_group.ts";
import { toProxyError } from "../../core/errors.ts";
import { FlowMeter } from "../../core/flow_meter.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { AddressTable } from "../../net/udp/address_table.ts";
import type { UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";
import type { SharedTallies } from "../udp/forwarder.ts";
import type { AgreedSession } from "./media_messages.ts";
import type { ClientConnection, MediaPath, MediaSession } from "./media_path.ts";
import { OriginAddresses } from "./origin_addresses.ts";
import { SharedAddress } from "./shared_address.ts";

/** Most addresses of one client at a time: an ICE agent sends checks from each of its addresses. */
const MAX_PATHS = 8;
/** Signatures verified per address and second: a client needs one every few seconds. */
const CONSENT_CHECKS = { rate: 10, burst: 20 };
/**
 * Signatures verified per session and second from addresses that are not yet its client's: a client
 * has a few addresses, and occasionally a new one. A flood for one session does not delay the
 * others.
 */
const VERIFICATIONS = { rate: 5, burst: 20 };

/** Sockets are counted in total, not per address. */
const ANY = "";

/** The limit on paths in all lanes. */
export interface MediaBounds {
  /** One for each session that may be open, and as many again for further addresses. */
  readonly maxPaths: number;
  readonly maxSessionsPerAddress: number;
}

/** All sessions and paths; bounded by the caller that adds sessions and by `MediaBounds`. */
export class MediaSessions {
  readonly #engine: UdpEngine;
  readonly #bounds: () => MediaBounds;
  readonly #sessions = new Map<string, MediaSession>();
  readonly #table: AddressTable;
  /** By link id. */
  readonly #paths: (MediaPath | undefined)[] = [];
  readonly #tallies: SharedTallies;

  /**
   * @param bounds called at each use; `maxPaths` never changes
   * @param tallies of sessions that are counted nowhere else, and of paths beyond the first of
   * their session
   */
  constructor(engine: UdpEngine, bounds: () => MediaBounds, tallies: SharedTallies) {
    this.#engine = engine;
    this.#bounds = bounds;
    this.#tallies = tallies;
    this.#table = new AddressTable(bounds().maxPaths);
  }

  get(user: string): MediaSession | undefined {
    return this.#sessions.get(user);
  }

  /** All sessions; the current one may be removed during iteration. */
  all(): Iterable<MediaSession> {
    return this.#sessions.values();
  }

  /** The path of a client's address; any one of its paths if it is shared. */
  pathOf(sender: Uint8Array): MediaPath | undefined {
    const id = this.#table.get(sender);
    return id < 0 ? undefined : this.#paths[id];
  }

  /** The path of a socket towards an origin. */
  pathAt(link: UdpLink): MediaPath | undefined {
    return this.#paths[link.id];
  }

  /** Adds a session, or gives the one of the same user other addresses of its origin. */
  put(agreed: AgreedSession): MediaSession {
    const { user, password, isCounted = false, before, isElsewhere = false } = agreed;
    const addresses = new OriginAddresses(agreed.media, agreed.otherMedia);
    const known = this.#sessions.get(user);
    if (known) {
      if (!known.addresses.equals(addresses)) known.addresses = addresses;
      return known;
    }
    const session = {
      ...{ user, password, addresses, isCounted, before, isElsewhere, isStarted: false },
      location: undefined,
      ...{ evictedAt: -Infinity, paths: [], bytesIn: 0, bytesOut: 0 },
      meter: new FlowMeter(this.#engine.now()),
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
   * Gives a client's address to a session; if it belongs to another one already, that one has to
   * defend it. A connection has one session at a time, the one proved last.
   *
   * @returns "address_limit" when its IP address, or /64 of IPv6, has too many already,
   * "socket_limit" when there are too many in total
   * @throws ProxyError as `UdpEngine.openLink` does
   */
  addPath(
    session: MediaSession,
    sender: Uint8Array,
    connection?: ClientConnection,
  ): MediaPath | "address_limit" | "socket_limit" {
    const ip = addressGroup(fromRawAddress(sender).host);
    const isNewIp = !hasIp(session, ip);
    if (isNewIp && !this.#countIp(session, ip)) return "address_limit";
    let link: UdpLink | undefined;
    try {
      if (connection === undefined) this.#clearAddress(session, sender);
      else this.#clearConnection(connection);
      link = this.#openLink(session);
    } finally {
      if (link === undefined && isNewIp) this.#forgetIp(session, ip);
    }
    if (link === undefined) return "socket_limit";
    const path = this.#newPath(session, { link, client: sender.slice(), connection, ip });
    session.paths.push(path);
    if (connection !== undefined) connection.path = path;
    else this.#share(path);
    this.#lead(path, link);
    return path;
  }

  /**
   * Called for a client's request: switches to the origin's next address if the current one has
   * been silent for too long and another one is reachable.
   */
  seekOrigin(path: MediaPath): void {
    const { session: { addresses }, link, origin, linkedAt } = path;
    if (!addresses.isOpen) return;
    if (origin === addresses.current) addresses.giveUpSilent(linkedAt, this.#engine.now());
    if (origin === addresses.current) return;
    try {
      this.#lead(path, this.#openAtOrigin(path.session));
    } catch (error) {
      if (toProxyError(error).code === "internal") throw error;
      return;
    }
    this.#paths[link.id] = undefined;
    link.close();
  }

  /** The host has refused (ICMP): the client's next request goes to the next address. */
  refused({ session: { addresses }, origin }: MediaPath): void {
    if (addresses.isOpen && origin === addresses.current) addresses.move();
  }

  removePath(path: MediaPath): void {
    const { session, link, ip } = path;
    const index = session.paths.indexOf(path);
    if (index < 0) return;
    session.paths.splice(index, 1);
    if (hasFirst(session)) this.#tallies.sockets.remove(ANY, 1);
    if (path.connection === undefined) this.#leaveAddress(path);
    else this.#leaveConnection(path, path.connection);
    this.#paths[link.id] = undefined;
    link.close();
    if (!hasIp(session, ip)) this.#forgetIp(session, ip);
  }

  /** A client's connection has ended; for a while the client may return over another one. */
  lost({ path }: ClientConnection): void {
    if (path === undefined) return;
    path.session.evictedAt = this.#engine.now();
    this.removePath(path);
  }

  /** Records that the client has proved itself at the address of a path. */
  proved(path: MediaPath): void {
    const now = this.#engine.now();
    path.provedAt = now;
    path.shared?.proved(path, now);
  }

  /**
   * Sessions counted elsewhere are not counted here, because anybody can forge a sender address.
   *
   * @returns false when the address has too many
   */
  #countIp({ isCounted }: MediaSession, ip: string): boolean {
    const bounds = { perAddress: this.#bounds().maxSessionsPerAddress, total: Infinity };
    return isCounted || this.#tallies.sessions.add(ip, 1, bounds) === undefined;
  }

  #forgetIp({ isCounted }: MediaSession, ip: string): void {
    if (!isCounted) this.#tallies.sessions.remove(ip, 1);
  }

  /** @returns undefined when there are too many in total */
  #openLink(session: MediaSession): UdpLink | undefined {
    if (session.paths.length >= MAX_PATHS) this.removePath(stalest(session.paths));
    if (!this.#takeSocket(session)) return undefined;
    const isExtra = hasFirst(session);
    try {
      return this.#openAtOrigin(session);
    } catch (error) {
      if (isExtra) this.#tallies.sockets.remove(ANY, 1);
      throw error;
    }
  }

  /** Opens a socket to the current address, skipping addresses without a route. */
  #openAtOrigin({ addresses }: MediaSession): UdpLink {
    for (let left = addresses.count;; left--) {
      try {
        return this.#engine.openLink(addresses.current);
      } catch (error) {
        if (left <= 1 || toProxyError(error).code !== "origin_unreachable") throw error;
        addresses.move();
      }
    }
  }

  /** Switches the path to this link. */
  #lead(path: MediaPath, link: UdpLink): void {
    link.setClient(path.client);
    path.link = link;
    path.origin = path.session.addresses.current;
    path.linkedAt = this.#engine.now();
    this.#paths[link.id] = path;
    if (path.connection === undefined) this.#table.set(path.client, link.id);
  }

  /** Removes other sessions from an address if it has too many. */
  #clearAddress(session: MediaSession, sender: Uint8Array): void {
    const known = this.pathOf(sender);
    const before = known && pathOfUser(known, session.before);
    const weakest = before ? undefined : known?.shared?.weakest;
    if (before) this.removePath(before);
    if (!weakest) return;
    weakest.session.evictedAt = this.#engine.now();
    this.removePath(weakest);
  }

  /** The first path of a session always gets a socket; further ones share what is left. */
  #takeSocket(session: MediaSession): boolean {
    const bounds = { perAddress: Infinity, total: this.#bounds().maxPaths >> 1 };
    const isThere = () =>
      !hasFirst(session) || this.#tallies.sockets.add(ANY, 1, bounds) === undefined;
    if (isThere()) return true;
    if (session.paths.length === 0) return false;
    this.removePath(stalest(session.paths));
    return isThere();
  }

  #share(path: MediaPath): void {
    const other = this.pathOf(path.client);
    if (other === undefined) return;
    other.shared ??= new SharedAddress(other);
    path.shared = other.shared;
    other.shared.add(path, this.#engine.now());
  }

  /** Detaches the connection from its session, for another one. */
  #clearConnection(connection: ClientConnection): void {
    const { path } = connection;
    connection.path = undefined;
    if (path) this.removePath(path);
  }

  #leaveConnection(path: MediaPath, connection: ClientConnection): void {
    if (connection.path !== path) return;
    connection.path = undefined;
    connection.close();
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
    parts: Pick<MediaPath, "link" | "client" | "connection" | "ip">,
  ): MediaPath {
    const now = this.#engine.now();
    const times = { provedAt: now, originAt: now, linkedAt: now, unreachableSince: 0 };
    const origin = session.addresses.current;
    const standing = {
      shared: undefined,
      contestedAt: 0,
      hasMedia: false,
      hasKeys: false,
      moved: 0,
    };
    const checks = new TokenBucket(CONSENT_CHECKS);
    return { session, origin, ...parts, ...times, ...standing, checks };
  }
}

/** The path of `user` at the address of `any`. */
export function pathOfUser(any: MediaPath, user: string | undefined): MediaPath | undefined {
  if (any.session.user === user) return any;
  return user === undefined ? undefined : any.shared?.of(user);
}

/** Whether the session already has its first socket, in this lane or another. */
function hasFirst({ paths, isElsewhere }: MediaSession): boolean {
  return isElsewhere || paths.length > 0;
}

function hasIp(session: MediaSession, ip: string): boolean {
  return session.paths.some((path) => path.ip === ip);
}

function stalest(paths: readonly MediaPath[]): MediaPath {
  return paths.reduce((oldest, path) => path.provedAt < oldest.provedAt ? path : oldest);
}
