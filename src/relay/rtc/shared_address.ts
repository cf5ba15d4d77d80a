// An address that several sessions claim as their client's. Some claims may be false: a signed
// request proves who sent it, not from where, and a forged sender must neither get what the client
// there sends nor end that client's session. But NATs also reuse ports, and then the newest claim
// is right. So a newcomer is served at once, as far as its traffic can be told apart, and earlier
// sessions keep their own traffic as long as they keep proving themselves.

import type { UdpLink } from "../../net/udp/port.ts";
import { kindOf } from "../../protocol/rtc/demux.ts";

/** Most sessions that one address may belong to at a time. */
const MAX_CONTENDERS = 4;

/** A session's claim to the address. */
export interface Contender {
  readonly session: { readonly user: string };
  readonly link: UdpLink;
  /** When the client last proved itself. */
  provedAt: number;
  /** Since when another session has proved itself here and this one has not; 0 = none has. */
  contestedAt: number;
  /** Whether its origin has sent media to the address. */
  hasMedia: boolean;
  /** Whether its origin has completed a handshake at the address. */
  hasKeys: boolean;
}

/** Two or more sessions at one address. */
export class SharedAddress<Path extends Contender> {
  /** Oldest first. */
  readonly #paths: Path[];
  /** Gets what cannot be told apart: the oldest one that has defended the address. */
  #owner: Path;

  constructor(first: Path) {
    this.#paths = [first];
    this.#owner = first;
  }

  /** Oldest first. */
  get paths(): readonly Path[] {
    return this.#paths;
  }

  /** The path of a user. */
  of(user: string): Path | undefined {
    return this.#paths.find(({ session }) => session.user === user);
  }

  /**
   * The path that a newcomer has to replace; undefined while there is room. Never the oldest, which
   * leaves only when it falls silent.
   */
  get weakest(): Path | undefined {
    if (this.#paths.length < MAX_CONTENDERS) return undefined;
    const [, ...later] = this.#paths;
    const strangers = later.filter(({ hasKeys }) => !hasKeys);
    const among = strangers.length > 0 ? strangers : later;
    return among.reduce((oldest, path) => path.provedAt < oldest.provedAt ? path : oldest);
  }

  /** Adds a path that has proved itself: it owns the address unless another one has defended it. */
  add(path: Path, now: number): void {
    const isDefended = this.#owner !== this.#paths.at(-1);
    this.#paths.push(path);
    if (!isDefended) this.#owner = path;
    this.#contest(path, now);
  }

  /** @returns the number left */
  remove(path: Path): number {
    this.#paths.splice(this.#paths.indexOf(path), 1);
    if (this.#owner === path) this.#owner = this.#paths.at(-1) ?? path;
    return this.#paths.length;
  }

  /** A path has proved itself again: it defends the address against those that came later. */
  proved(path: Path, now: number): void {
    path.contestedAt = 0;
    if (this.#paths.indexOf(path) < this.#paths.indexOf(this.#owner)) this.#owner = path;
    this.#contest(path, now);
  }

  /**
   * The paths that get a datagram other than a request: at least one. The engine sends to the
   * first.
   */
  receivers(buffer: Uint8Array, length: number, now: number): readonly Path[] {
    const kind = kindOf(buffer, length);
    if (kind === "stun" || kind === "sealed") return this.#paths;
    if (kind === "media") return [this.#ownerOfMedia(now)];
    const strangers = kind === "handshake" ? this.#paths.filter(({ hasKeys }) => !hasKeys) : [];
    return strangers.length > 0 ? strangers : [this.#owner];
  }

  /**
   * A newcomer without keys cannot send media yet, so the media is from an earlier session that is
   * still there.
   */
  #ownerOfMedia(now: number): Path {
    const owner = this.#owner;
    if (owner.hasKeys || owner !== this.#paths.at(-1)) return owner;
    const others = this.#paths.slice(0, -1);
    const other = others.findLast(({ hasKeys }) => hasKeys) ??
      others.find(({ hasMedia }) => hasMedia);
    if (other === undefined) return owner;
    if (other.contestedAt > 0 && !owner.hasMedia) other.contestedAt = now;
    return other;
  }

  #contest(by: Path, now: number): void {
    for (const path of this.#paths) {
      if (path !== by && path.contestedAt === 0) path.contestedAt = now;
    }
  }
}
