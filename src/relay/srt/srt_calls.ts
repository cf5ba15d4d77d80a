// The calls of SRT in their thread, from a caller's conclusion to the end of its session, and how a
// packet finds its own: by the client's address and the socket id that it is for, since callers may
// share an address, and socket ids are unique only at whoever gives them.

import { AddressCounts } from "../../core/address_group.ts";
import type { Address } from "../../core/origin.ts";
import { AddressTable } from "../../net/udp/address_table.ts";
import type { UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";

/** How far a call is. In "asking" an origin is being chosen; "refused" only repeats its answer. */
export type CallState = "asking" | "induction" | "conclusion" | "open" | "refused";

/** One call; times in the engine's milliseconds. */
export interface SrtCall {
  readonly id: number;
  /** The caller's address, in the form of `Datagram.sender`. */
  readonly client: Uint8Array;
  readonly address: Address;
  /** The caller's socket id. */
  readonly callerSocket: number;
  /** Its conclusion as it came. */
  readonly conclusion: Uint8Array;
  readonly startedAt: number;
  state: CallState;
  link: UdpLink | undefined;
  /** The origin's cookie and socket id, once known. */
  cookie: number;
  originSocket: number;
  /** When this origin was first asked, and when last. */
  triedAt: number;
  askedAt: number;
  /** The last word of the handshake, for a caller that has missed it. */
  answer: Uint8Array | undefined;
  answeredAt: number;
  clientAt: number;
  originAt: number;
  bytesIn: number;
  bytesOut: number;
}

/** All calls; the caller of `add` bounds them. */
export class SrtCalls {
  readonly #calls = new Map<number, SrtCall>();
  readonly #byCaller: AddressTable;
  readonly #byTarget: AddressTable;
  /** By the id of their link. */
  readonly #byLink: (SrtCall | undefined)[] = [];
  readonly #ofIp = new AddressCounts();
  #lastId = 0;

  constructor(capacity: number) {
    this.#byCaller = new AddressTable(capacity);
    this.#byTarget = new AddressTable(capacity);
  }

  get size(): number {
    return this.#calls.size;
  }

  /** All calls; one may be removed meanwhile. */
  all(): Iterable<SrtCall> {
    return this.#calls.values();
  }

  get(id: number): SrtCall | undefined {
    return this.#calls.get(id);
  }

  /** The call that a caller's socket has made. */
  ofCaller(sender: Uint8Array, callerSocket: number): SrtCall | undefined {
    return this.#calls.get(this.#byCaller.get(sender, callerSocket));
  }

  /** The open call to which a client's packet for that socket belongs. */
  ofTarget(sender: Uint8Array, originSocket: number): SrtCall | undefined {
    return this.#calls.get(this.#byTarget.get(sender, originSocket));
  }

  ofLink(link: UdpLink): SrtCall | undefined {
    return this.#byLink[link.id];
  }

  /** How many calls an IP address has, or the /64 of an IPv6 one. */
  countOf(address: Address): number {
    return this.#ofIp.of(address.host);
  }

  /** Adds a call. @param conclusion copied, as is `sender` */
  add(sender: Uint8Array, callerSocket: number, conclusion: Uint8Array, now: number): SrtCall {
    const client = sender.slice();
    const call: SrtCall = {
      ...{ id: ++this.#lastId, client, address: fromRawAddress(client), callerSocket },
      ...{ conclusion: conclusion.slice(), startedAt: now, state: "asking", link: undefined },
      ...{ cookie: 0, originSocket: 0, triedAt: now, askedAt: now },
      ...{ answer: undefined, answeredAt: now, clientAt: now, originAt: now },
      ...{ bytesIn: 0, bytesOut: 0 },
    };
    this.#calls.set(call.id, call);
    this.#byCaller.set(client, call.id, callerSocket);
    this.#ofIp.add(call.address.host);
    return call;
  }

  /** Gives a call its socket towards an origin. */
  setLink(call: SrtCall, link: UdpLink): void {
    call.link = link;
    this.#byLink[link.id] = call;
  }

  /** Takes it away and closes it. */
  dropLink(call: SrtCall): void {
    if (call.link === undefined) return;
    this.#byLink[call.link.id] = undefined;
    call.link.close();
    call.link = undefined;
  }

  /**
   * From now on packets for that socket of the origin belong to the call.
   *
   * @returns false when this client speaks with a socket of the same id at another origin
   */
  setTarget(call: SrtCall, originSocket: number): boolean {
    if (this.ofTarget(call.client, originSocket) !== undefined) return false;
    call.originSocket = originSocket;
    return this.#byTarget.set(call.client, call.id, originSocket);
  }

  /** Gives up packets of a call that is open no more. */
  dropTarget(call: SrtCall): void {
    if (this.ofTarget(call.client, call.originSocket) !== call) return;
    this.#byTarget.delete(call.client, call.originSocket);
  }

  remove(call: SrtCall): void {
    if (!this.#calls.has(call.id)) return;
    this.dropLink(call);
    this.dropTarget(call);
    this.#byCaller.delete(call.client, call.callerSocket);
    this.#calls.delete(call.id);
    this.#ofIp.remove(call.address.host);
  }
}
