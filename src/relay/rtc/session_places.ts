// How many WebRTC sessions there may be, in all and of one address: counted from the wish for a
// session to the session's end, whether or not its media ever comes. Knows neither sessions nor
// requests.
//
// A session is its asker's. If its media comes from another address it may be somebody else's, for
// whom a web server has asked; but anybody can write any sender into a packet. So it becomes that
// address's when a handshake has been finished there, which takes somebody who hears the answers;
// in between it is one of a share of all places, so that no asker gets them all.

import { AddressCounts, addressGroup } from "../../core/address_group.ts";
import { ProxyError } from "../../core/errors.ts";
import { FairShare, type Share } from "../../core/fair_share.ts";

/** How many there may be; read for every session, since it may change. */
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

  /** Places that are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#byAddress.size + this.#between.holders;
  }

  /**
   * Takes a place.
   *
   * @param client IP address of who has asked for the session; undefined when nobody can tell, which
   * counts for no address
   * @throws ProxyError `overloaded`
   */
  take(client: string | undefined): SessionPlace {
    if (this.#taken >= this.#limits().maxSessions) {
      throw new ProxyError("overloaded", "Cannot take more WebRTC sessions");
    }
    if (client !== undefined && !this.#count(client)) {
      throw new ProxyError("overloaded", "Cannot take more WebRTC sessions from this address");
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
  /** A part of the asker's share. */
  share(): Share;
  give(): void;
}

/** A place; given back when disposed of, unless it has been handed on. */
export class SessionPlace implements Disposable {
  /** Who has asked for it. */
  readonly client: string | undefined;
  #books: Books | undefined;
  /** The address that it counts for. */
  #counted: string | undefined;
  #share: Share | undefined;

  constructor(client: string | undefined, books: Books) {
    this.client = client;
    this.#books = books;
    this.#counted = client;
  }

  /** The same place for another owner; from now on disposing of this one does nothing. */
  handOn(): SessionPlace {
    const books = this.#books;
    if (books === undefined) throw new TypeError("Cannot hand on a place twice");
    this.#books = undefined;
    return new SessionPlace(this.client, books);
  }

  /** The session has begun: somebody has signed for it, perhaps at that address. */
  begun(media: string): void {
    if (this.#counted === undefined) return;
    if (addressGroup(this.#counted) === addressGroup(media)) return;
    const share = this.#books?.share();
    if (share?.grow(1) !== true) return;
    this.#share = share;
    this.#books!.forget(this.#counted);
    this.#counted = undefined;
  }

  /** Its client is at that address. */
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
