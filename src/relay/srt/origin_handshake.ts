// The handshake with an origin on behalf of a caller (draft-sharabayko-srt-01 section 4.3.1). Our
// own inductions find an address of the origin that answers; the caller's conclusion is then
// repeated there until it is answered, and the final answer is kept for a caller that misses it.
// Does not decide what happens to a call that fails.

import { toProxyError } from "../../core/errors.ts";
import { parseIp } from "../../core/ip_address.ts";
import type { Address } from "../../core/address.ts";
import { MAX_DATAGRAM, type UdpEngine, type UdpLink } from "../../net/udp/port.ts";
import * as hs from "../../protocol/srt/handshake.ts";
import {
  controlTypeOf,
  destinationOf,
  encodeShutdown,
  HANDSHAKE,
  readWord,
  TIMESTAMP_AT,
  writeWord,
} from "../../protocol/srt/packet.ts";
import * as reject from "./reject_reasons.ts";
import { hangUp, LateAnswers } from "./late_answers.ts";
import type { CallState, Inquiry, SrtCall, SrtCalls } from "./srt_calls.ts";

/**
 * Interval between repeated inductions, milliseconds, and how many one address may leave
 * unanswered.
 */
const REPEAT = 250;
const MAX_ASKS = 3;
/** How long earlier addresses must be silent before the next is asked, milliseconds. */
const STAGGER = 100;
/** Most inquiries beyond the first one of each call, in all lanes. */
export const MAX_EXTRA_LINKS = 256;

export class OriginHandshake {
  readonly #engine: UdpEngine;
  readonly #calls: SrtCalls;
  readonly #late: LateAnswers;
  readonly #maxExtraLinks: number;
  #extraLinks = 0;

  /** @param lanes how many lanes share the limits */
  constructor(engine: UdpEngine, calls: SrtCalls, lanes: number) {
    this.#engine = engine;
    this.#calls = calls;
    this.#late = new LateAnswers(lanes);
    this.#maxExtraLinks = Math.ceil(MAX_EXTRA_LINKS / lanes);
  }

  /** Begins to ask an origin. @returns false when none of its addresses can be asked */
  begin(call: SrtCall, addresses: readonly Address[]): boolean {
    call.state = "induction";
    call.unasked = addresses;
    call.isSilent = call.lacksSocket = false;
    return this.#askNext(call);
  }

  /**
   * Repeats inductions or asks the next address when it is time. @returns false when none has
   * answered in time
   */
  goOn(call: SrtCall, now: number): boolean {
    if (call.state === "conclusion") {
      if (now - call.askedAt >= REPEAT) this.#conclude(call);
      return true;
    }
    for (const inquiry of call.inquiries) {
      if (now - inquiry.askedAt < REPEAT) continue;
      // Counted, not timed: a thread that has been blocked must read waiting answers before giving
      // up.
      if (inquiry.asks < MAX_ASKS) this.#ask(call, inquiry);
      else this.#giveUp(call, inquiry);
    }
    const isTime = now - call.lastInquiryAt >= STAGGER || call.inquiries.size === 0;
    if (isTime && call.unasked.length > 0) this.#askNext(call);
    return call.inquiries.size > 0;
  }

  /** The host of one address has refused (ICMP). @returns false when no address is left */
  unreachable(call: SrtCall, link: UdpLink): boolean {
    const inquiry = inquiryOf(call, link);
    if (inquiry === undefined) return false;
    this.#drop(call, inquiry);
    return this.#askNext(call) || call.inquiries.size > 0;
  }

  /**
   * Handles a packet from the origin. Packets that do not answer one of ours are ignored.
   *
   * @returns the state of the call then; in "open" and "refused" the caller has been told
   */
  take(call: SrtCall, link: UdpLink, packet: Uint8Array): CallState {
    // What arrives early, such as media before the answer to our conclusion, will be retransmitted.
    if (controlTypeOf(packet) !== HANDSHAKE || packet.length < hs.HANDSHAKE_SIZE) return call.state;
    if (destinationOf(packet) !== call.callerSocket) return call.state;
    if (call.state !== "induction" && call.state !== "conclusion") {
      hangUp(link, packet, { callerSocket: call.callerSocket, inUse: call.originSocket });
      return call.state;
    }
    const answer = hs.parseHandshake(packet.subarray(0, hs.HANDSHAKE_SIZE));
    if (hs.isRefusal(answer)) this.#keepAnswer(call, packet, "refused");
    else if (call.state === "induction" && hs.isInductionAnswer(answer)) {
      this.#choose(call, link);
      call.cookie = answer.cookie;
      call.state = "conclusion";
      this.#conclude(call);
    } else if (call.state === "conclusion" && hs.isConclusion(answer) && answer.socketId !== 0) {
      this.#accept(call, packet, answer.socketId);
    }
    return call.state;
  }

  /** Tells a caller that the origin has accepted it. */
  open(call: SrtCall): void {
    call.state = "open";
    call.link!.setClient(call.client);
    this.answer(call);
  }

  /** Refuses a caller for a reason of the proxy's. */
  refuse(call: SrtCall, reason: number): void {
    this.#keepAnswer(call, hs.refuseHandshake(call.conclusion, reason), "refused");
  }

  /** Sends the last answer again, with the current time. */
  answer(call: SrtCall): void {
    const answer = call.answer!;
    const now = this.#engine.now();
    addMicroseconds(answer, (now - call.answeredAt) * 1000);
    call.answeredAt = now;
    this.#engine.sendToClient(call.client, answer);
  }

  /** Leaves the origin. If it accepts the call later, it is told that the caller has gone. */
  leave(call: SrtCall): void {
    for (const inquiry of call.inquiries) this.#drop(call, inquiry);
    if (call.link === undefined) return;
    this.#calls.releaseLink(call.link);
    this.#late.expect(call.link, call);
    call.link = undefined;
  }

  /** Handles a packet for a call that has ended. */
  takeLate(link: UdpLink, packet: Uint8Array): void {
    this.#late.take(link, packet);
  }

  /** The origin's host has refused (ICMP) a packet of such a call. */
  unreachableLate(link: UdpLink): void {
    this.#late.drop(link);
  }

  sweep(now: number): void {
    this.#late.sweep(now);
  }

  #accept(call: SrtCall, packet: Uint8Array, originSocket: number): void {
    if (!this.#calls.setTarget(call, originSocket)) {
      // Two origins have given this client the same socket id. The next attempt will get another
      // one.
      call.link!.send(encodeShutdown(originSocket));
      return this.refuse(call, reject.RESOURCE);
    }
    this.#keepAnswer(call, packet, "accepted");
    if (call.intent === "play") this.open(call);
  }

  #keepAnswer(call: SrtCall, packet: Uint8Array, state: "accepted" | "refused"): void {
    call.state = state;
    call.answer = packet.slice();
    hs.writePeerIp(call.answer, parseIp(call.address.host) ?? []);
    hs.limitDatagrams(call.answer, MAX_DATAGRAM);
    call.answeredAt = this.#engine.now();
    if (state === "accepted") return;
    call.refusedAt = call.answeredAt;
    this.#engine.sendToClient(call.client, call.answer);
  }

  #conclude(call: SrtCall): void {
    const conclusion = hs.concludeWith(call.conclusion, call.cookie);
    hs.limitDatagrams(conclusion, MAX_DATAGRAM);
    hs.writeHops(conclusion, hs.hopsOf(conclusion) + 1);
    call.askedAt = this.#engine.now();
    // The origin sets its view of the caller's clock by this, so it must advance while we ask.
    addMicroseconds(conclusion, (call.askedAt - call.startedAt) * 1000);
    call.link!.send(conclusion);
  }

  /** Asks the next address to which a socket can be opened. @returns false when there is none */
  #askNext(call: SrtCall): boolean {
    while (call.unasked.length > 0) {
      const isExtra = call.inquiries.size > 0;
      if (isExtra && this.#extraLinks >= this.#maxExtraLinks) return false;
      const [address, ...rest] = call.unasked;
      call.unasked = rest;
      const link = this.#openLink(call, address!);
      if (link === undefined) continue;
      const inquiry: Inquiry = { link, isExtra, asks: 0, askedAt: 0 };
      call.inquiries.add(inquiry);
      if (isExtra) this.#extraLinks++;
      this.#calls.addLink(call, link);
      this.#ask(call, inquiry);
      call.lastInquiryAt = call.askedAt;
      return true;
    }
    return false;
  }

  #openLink(call: SrtCall, address: Address): UdpLink | undefined {
    try {
      return this.#engine.openLink(address);
    } catch (error) {
      const { code } = toProxyError(error);
      if (code === "origin_unreachable") return undefined;
      if (code !== "overloaded") throw error;
      // A new caller takes precedence over answers that may never come.
      if (this.#late.makeRoom()) return this.#openLink(call, address);
      call.lacksSocket = true;
      return undefined;
    }
  }

  #ask(call: SrtCall, inquiry: Inquiry): void {
    inquiry.asks++;
    inquiry.askedAt = call.askedAt = this.#engine.now();
    inquiry.link.send(hs.encodeInduction(call.callerSocket));
  }

  #giveUp(call: SrtCall, inquiry: Inquiry): void {
    call.isSilent = true;
    this.#drop(call, inquiry);
  }

  #drop(call: SrtCall, inquiry: Inquiry): void {
    this.#forget(call, inquiry);
    this.#calls.releaseLink(inquiry.link);
    inquiry.link.close();
  }

  /** Continues with the address that has answered first. */
  #choose(call: SrtCall, link: UdpLink): void {
    for (const inquiry of call.inquiries) {
      if (inquiry.link === link) this.#forget(call, inquiry);
      else this.#drop(call, inquiry);
    }
    call.unasked = [];
    call.link = link;
  }

  #forget(call: SrtCall, inquiry: Inquiry): void {
    call.inquiries.delete(inquiry);
    if (inquiry.isExtra) this.#extraLinks--;
  }
}

function inquiryOf(call: SrtCall, link: UdpLink): Inquiry | undefined {
  return [...call.inquiries].find((inquiry) => inquiry.link === link);
}

function addMicroseconds(packet: Uint8Array, more: number): void {
  writeWord(packet, TIMESTAMP_AT, (readWord(packet, TIMESTAMP_AT) + Math.round(more)) % 2 ** 32);
}
