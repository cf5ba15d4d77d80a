// SRT calls in a lane, from a caller's conclusion to the end of its session, and how a packet
// finds its call: by the client's address and the destination socket id, since callers may share an
// address, and socket ids are unique only to whoever assigns them.

import { addressGroup } from "../../core/address_group.ts";
import type { Address } from "../../core/address.ts";
import { FlowMeter } from "../../core/flow_meter.ts";
import { LocalTally, type Tally, type TallyBounds } from "../../core/tally.ts";
import { AddressTable } from "../../net/udp/address_table.ts";
import type { UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";

/**
 * The state of a call. In "asking" an origin is being chosen; in "accepted" the origin has accepted
 * a publisher that has not been told yet; in "refused" the answer is only repeated.
 */
export type CallState =
  | "asking"
  | "induction"
  | "conclusion"
  | "accepted"
  | "open"
  | "refused";

/** Inductions to one address of an origin: how many, and when the last one was sent. */
export interface Inquiry {
  readonly link: UdpLink;
  /** Whether another address of the same call was being asked already. */
  readonly isExtra: boolean;
  asks: number;
  askedAt: number;
}

/** One call; times in the engine's milliseconds. */
export interface SrtCall {
  readonly id: number;
  /** The caller's address, in the form of `Datagram.sender`. */
  readonly client: Uint8Array;
  readonly address: Address;
  /** The caller's socket id. */
  readonly callerSocket: number;
  /** Its initial packet sequence number: a different value means that it has started over. */
  readonly sequence: number;
  readonly intent: "publish" | "play";
  /** Its conclusion as sent to the origin, except for the cookie. */
  readonly conclusion: Uint8Array;
  readonly startedAt: number;
  state: CallState;
  /** Addresses of the origin that have yet to answer, and those that have yet to be asked. */
  readonly inquiries: Set<Inquiry>;
  unasked: readonly Address[];
  /** Whether an address has left all its inductions unanswered. */
  isSilent: boolean;
  /** Whether an address could not be asked because no socket was left. */
  lacksSocket: boolean;
  /** The socket towards the address that has answered. */
  link: UdpLink | undefined;
  /** The origin's cookie and socket id, once known. */
  cookie: number;
  originSocket: number;
  /** When the origin was last asked, and when its latest address was first asked. */
  askedAt: number;
  lastInquiryAt: number;
  /** The final answer of the handshake, for a caller that has missed it. */
  answer: Uint8Array | undefined;
  answeredAt: number;
  /** When it was refused. */
  refusedAt: number;
  clientAt: number;
  originAt: number;
  bytesIn: number;
  bytesOut: number;
  readonly meter: FlowMeter;
}

/** All calls of a lane. */
export class SrtCalls {
  readonly #calls = new Map<number, SrtCall>();
  readonly #byCaller: AddressTable;
  readonly #byTarget: AddressTable;
  /** By link id. */
  readonly #byLink: (SrtCall | undefined)[] = [];
  /** Shared by all lanes; by client address. */
  readonly #tally: Tally;
  #lastId = 0;

  constructor(capacity: number, tally: Tally = new LocalTally()) {
    this.#tally = tally;
    this.#byCaller = new AddressTable(capacity);
    this.#byTarget = new AddressTable(capacity);
  }

  get size(): number {
    return this.#calls.size;
  }

  /** All calls; the current one may be removed during iteration. */
  all(): Iterable<SrtCall> {
    return this.#calls.values();
  }

  get(id: number): SrtCall | undefined {
    return this.#calls.get(id);
  }

  /** The call of a caller's socket. */
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

  /**
   * Adds a call, unless there are too many.
   *
   * @param sender copied, as is the conclusion of `wanted`
   * @param bounds limits over all lanes, for the address (or /64 of IPv6) and in total
   * @returns why it could not be added, if so
   */
  add(
    sender: Uint8Array,
    wanted: WantedCall,
    { now, bounds }: { readonly now: number; readonly bounds: TallyBounds },
  ): SrtCall | "address" | "session" {
    const client = sender.slice();
    const address = fromRawAddress(client);
    const limit = this.#tally.add(addressGroup(address.host), 1, bounds);
    if (limit !== undefined) return limit === "address" ? "address" : "session";
    const { callerSocket, sequence, intent, conclusion } = wanted;
    const call: SrtCall = {
      id: ++this.#lastId,
      client,
      address,
      callerSocket,
      sequence,
      intent,
      conclusion: conclusion.slice(),
      startedAt: now,
      state: "asking",
      inquiries: new Set(),
      unasked: [],
      isSilent: false,
      lacksSocket: false,
      link: undefined,
      cookie: 0,
      originSocket: 0,
      askedAt: now,
      lastInquiryAt: now,
      answer: undefined,
      answeredAt: now,
      refusedAt: now,
      clientAt: now,
      originAt: now,
      bytesIn: 0,
      bytesOut: 0,
      meter: new FlowMeter(now),
    };
    this.#calls.set(call.id, call);
    this.#byCaller.set(client, call.id, callerSocket);
    return call;
  }

  /** Gives a call a socket towards an address of its origin. */
  addLink(call: SrtCall, link: UdpLink): void {
    this.#byLink[link.id] = call;
  }

  /** Detaches a socket from its call without closing it. */
  releaseLink(link: UdpLink): void {
    this.#byLink[link.id] = undefined;
  }

  /**
   * Assigns packets for that socket of the origin to the call.
   *
   * @returns false when this client already uses a socket with the same id at another origin
   */
  setTarget(call: SrtCall, originSocket: number): boolean {
    if (this.ofTarget(call.client, originSocket) !== undefined) return false;
    call.originSocket = originSocket;
    return this.#byTarget.set(call.client, call.id, originSocket);
  }

  /** Stops assigning packets to a call that is no longer open. */
  dropTarget(call: SrtCall): void {
    if (this.ofTarget(call.client, call.originSocket) !== call) return;
    this.#byTarget.delete(call.client, call.originSocket);
  }

  /** Removes a call; its sockets must have been released. */
  remove(call: SrtCall): void {
    if (!this.#calls.has(call.id)) return;
    this.dropTarget(call);
    this.#byCaller.delete(call.client, call.callerSocket);
    this.#calls.delete(call.id);
    this.#tally.remove(addressGroup(call.address.host), 1);
  }
}

/** What a caller has asked for. */
export type WantedCall = Pick<SrtCall, "callerSocket" | "sequence" | "intent" | "conclusion">;
