// One address that several sessions claim as their client's. Some of them may be wrong: a signed
// request proves who sent it, not where from, and whoever forges its sender must not get what the
// client there sends, nor end that client's session. But NATs also reuse ports, and then the newest
// is right. So a newcomer is served at once, as far as its traffic can be told apart, and whoever
// was there before keeps what is its own as long as it keeps proving itself.

import type { UdpLink } from "../../net/udp/port.ts";
import { kindOf } from "../../protocol/rtc/demux.ts";

/** Sessions that one address may belong to at a time. */
const MAX_CONTENDERS = 4;

/** A session's claim to the address. */
export interface Contender {
  readonly session: { readonly user: string };
  readonly link: UdpLink;
  /** When the client last proved itself. */
  provedAt: number;
  /** Since when somebody else has proved himself and this one has not; 0 = nobody has. */
  contestedAt: number;
  /** Whether its origin has sent media to the address. */
  hasMedia: boolean;
  /** Whether its origin has finished a handshake with whoever is there. */
  hasKeys: boolean;
}

/** Two sessions or more at one address. */
export class SharedAddress<Path extends Contender> {
  /** In the order in which they have come. */
  readonly #paths: Path[];
  /** Who gets what cannot be told apart: the oldest that has proved itself against the others. */
  #owner: Path;

  constructor(first: Path) {
    this.#paths = [first];
    this.#owner = first;
  }

  /** All of them, oldest first. */
  get paths(): readonly Path[] {
    return this.#paths;
  }

  /** The one of a user. */
  of(user: string): Path | undefined {
    return this.#paths.find(({ session }) => session.user === user);
  }

  /**
   * Whom another one has to take the place of; undefined while there is room. Never who has been there
   * longest, who goes when he falls silent.
   */
  get weakest(): Path | undefined {
    if (this.#paths.length < MAX_CONTENDERS) return undefined;
    const [, ...later] = this.#paths;
    const strangers = later.filter(({ hasKeys }) => !hasKeys);
    const among = strangers.length > 0 ? strangers : later;
    return among.reduce((oldest, path) => path.provedAt < oldest.provedAt ? path : oldest);
  }

  /** One more has proved itself: the address is its own, unless another one has defended it already. */
  add(path: Path, now: number): void {
    const isDefended = this.#owner !== this.#paths.at(-1);
    this.#paths.push(path);
    if (!isDefended) this.#owner = path;
    this.#contest(path, now);
  }

  /** @returns how many are left */
  remove(path: Path): number {
    this.#paths.splice(this.#paths.indexOf(path), 1);
    if (this.#owner === path) this.#owner = this.#paths.at(-1) ?? path;
    return this.#paths.length;
  }

  /** One has proved itself again: it defends the address against those who came later. */
  proved(path: Path, now: number): void {
    path.contestedAt = 0;
    if (this.#paths.indexOf(path) < this.#paths.indexOf(this.#owner)) this.#owner = path;
    this.#contest(path, now);
  }

  /** Who gets a datagram from there that is no request: one at least, the first by the engine. */
  receivers(buffer: Uint8Array, length: number, now: number): readonly Path[] {
    const kind = kindOf(buffer, length);
    if (kind === "stun" || kind === "sealed") return this.#paths;
    if (kind === "media") return [this.#ownerOfMedia(now)];
    const strangers = kind === "handshake" ? this.#paths.filter(({ hasKeys }) => !hasKeys) : [];
    return strangers.length > 0 ? strangers : [this.#owner];
  }

  /** Who is new and has no keys sends no media yet: it is somebody's who was there before, and is still. */
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
