// Limits WebRTC sessions, in total and per address: counted from the request for a session to its
// end, whether or not its media ever arrives. Knows neither sessions nor requests.
//
// A session counts by the address that asked for it. If its media comes from another address, a web
// server may have asked on behalf of a client there; but a sender address can be forged. So the
// session counts by that address once a handshake has been completed there, which only somebody who
// receives the answers can do. In between it counts in the asker's share of all places, so that no
// asker gets them all.

import { AddressCounts, addressGroup } from "../../core/address_group.ts";
import { ProxyError } from "../../core/errors.ts";
import { FairShare, type Share } from "../../core/fair_share.ts";

/** Limits; read for every session, because they may change. */
export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
}

export class SessionPlaces {
  readonly #limits: () => SessionLimits;
  readonly #byAddress = new AddressCounts();
  readonly #between: FairShare;
  #taken = 0;

  constructor(limits: () => SessionLimits) {
    this.#limits = limits;
    this.#between = new FairShare(limits().maxSessions);
  }

  /** Places taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Addresses remembered. */
  get addresses(): number {
    return this.#byAddress.size + this.#between.holders;
  }

  /**
   * Takes a place.
   *
   * @param client IP address that asked for the session; undefined if unknown, which counts by no
   * address
   * @throws ProxyError `overloaded`
   */
  take(client: string | undefined): SessionPlace {
    if (this.#taken >= this.#limits().maxSessions) {
      throw new ProxyError("overloaded", "Cannot accept more WebRTC sessions");
    }
    if (client !== undefined && !this.#count(client)) {
      throw new ProxyError("overloaded", "Cannot accept more WebRTC sessions from this address");
    }
    this.#taken++;
    return new SessionPlace(client, {
      count: (address) => this.#count(address),
      forget: (address) => this.#byAddress.remove(address),
      share: () => this.#between.open(addressGroup(client ?? "")),
      give: () => this.#taken--,
    });
  }

  #count(address: string): boolean {
    if (this.#byAddress.of(address) >= this.#limits().maxSessionsPerAddress) return false;
    this.#byAddress.add(address);
    return true;
  }
}

interface Books {
  /** Counts one more of an address. @returns false when it has too many */
  count(address: string): boolean;
  forget(address: string): void;
  /** Opens an empty part of the asker's share. */
  share(): Share;
  give(): void;
}

/** A place for one session; released when disposed of, unless it has been handed on. */
export class SessionPlace implements Disposable {
  /** The IP address that asked for it. */
  readonly client: string | undefined;
  #books: Books | undefined;
  /** The address that it counts by. */
  #counted: string | undefined;
  #share: Share | undefined;

  constructor(client: string | undefined, books: Books) {
    this.client = client;
    this.#books = books;
    this.#counted = client;
  }

  /** Returns the same place for a new owner; disposing of this one then does nothing. */
  handOn(): SessionPlace {
    const books = this.#books;
    if (books === undefined) throw new TypeError("Cannot hand on a place twice");
    this.#books = undefined;
    return new SessionPlace(this.client, books);
  }

  /** The session has begun: a signed request came, apparently from that address. */
  begun(media: string): void {
    if (this.#counted === undefined) return;
    if (addressGroup(this.#counted) === addressGroup(media)) return;
    const share = this.#books?.share();
    if (share?.grow(1) !== true) return;
    this.#share = share;
    this.#books!.forget(this.#counted);
    this.#counted = undefined;
  }

  /** Its client has been proved to be at that address. */
  proved(media: string): void {
    if (this.#share === undefined || this.#books?.count(media) !== true) return;
    this.#share[Symbol.dispose]();
    this.#share = undefined;
    this.#counted = media;
  }

  [Symbol.dispose](): void {
    const books = this.#books;
    this.#books = undefined;
    if (books === undefined) return;
    this.#share?.[Symbol.dispose]();
    if (this.#counted !== undefined) books.forget(this.#counted);
    books.give();
  }
}
