// The handshake with an origin in place of a caller (draft-sharabayko-srt-01 section 4.3.1): induction
// and conclusion are repeated until they are answered, and the last word is kept for a caller that
// misses it. Decides nothing about what becomes of a call that fails.

import { ProtocolError } from "../../core/errors.ts";
import type { Address } from "../../core/origin.ts";
import { parseIp } from "../../core/ip_address.ts";
import type { UdpEngine } from "../../net/udp/port.ts";
import * as hs from "../../protocol/srt/handshake.ts";
import { controlTypeOf, destinationOf, HANDSHAKE } from "../../protocol/srt/packet.ts";
import { readWord, TIMESTAMP_AT, writeWord } from "../../protocol/srt/packet.ts";
import type { CallState, SrtCall, SrtCalls } from "./srt_calls.ts";

/** How often a caller asks again, and how long it may wait for one origin, milliseconds. */
const REPEAT = 250;
const ORIGIN_TIMEOUT = 1_000;

/** Carries out handshakes. */
export class OriginHandshake {
  readonly #engine: UdpEngine;
  readonly #calls: SrtCalls;

  constructor(engine: UdpEngine, calls: SrtCalls) {
    this.#engine = engine;
    this.#calls = calls;
  }

  /** @throws ProxyError as `UdpEngine.openLink` does */
  begin(call: SrtCall, origin: Address): void {
    this.#calls.setLink(call, this.#engine.openLink(origin));
    call.state = "induction";
    call.triedAt = this.#engine.now();
    this.#ask(call);
  }

  /** Asks again when it is time. @returns false when the origin has had its time */
  goOn(call: SrtCall, now: number): boolean {
    if (now - call.triedAt > ORIGIN_TIMEOUT) return false;
    if (now - call.askedAt >= REPEAT) this.#ask(call);
    return true;
  }

  /**
   * Takes a packet of the origin.
   *
   * @returns how far the call is then; in "open" and "refused" the caller has been told
   * @throws ProtocolError when the origin does not speak SRT, or not so that it can be passed on
   */
  take(call: SrtCall, packet: Uint8Array): CallState {
    // What comes early, such as media before our conclusion is answered, is sent again by its sender.
    if (controlTypeOf(packet) !== HANDSHAKE) return call.state;
    if (destinationOf(packet) !== call.callerSocket) return call.state;
    const answer = hs.parseHandshake(packet);
    if (hs.isRefusal(answer)) {
      call.state = "refused";
      this.#keepAnswer(call, packet);
    } else if (call.state === "induction" && hs.isInductionAnswer(answer)) {
      call.cookie = answer.cookie;
      call.state = "conclusion";
      this.#ask(call);
    } else if (call.state === "conclusion" && hs.isConclusion(answer)) {
      this.#open(call, packet, answer.socketId);
    }
    return call.state;
  }

  /** Refuses a caller in our own name. */
  refuse(call: SrtCall, reject: number): void {
    call.state = "refused";
    this.#keepAnswer(call, hs.refuseHandshake(call.conclusion, reject));
  }

  /** Says the last word again, as of now. */
  answer(call: SrtCall): void {
    const answer = call.answer!;
    const now = this.#engine.now();
    addMicroseconds(answer, (now - call.answeredAt) * 1000);
    call.answeredAt = now;
    this.#engine.sendToClient(call.client, answer);
  }

  #open(call: SrtCall, packet: Uint8Array, originSocket: number): void {
    if (!this.#calls.setTarget(call, originSocket)) {
      throw new ProtocolError("Cannot tell two sockets of one client apart");
    }
    call.state = "open";
    call.link!.setClient(call.client);
    this.#keepAnswer(call, packet);
  }

  #keepAnswer(call: SrtCall, packet: Uint8Array): void {
    call.answer = packet.slice();
    hs.writePeerIp(call.answer, parseIp(call.address.host) ?? []);
    call.answeredAt = this.#engine.now();
    this.#engine.sendToClient(call.client, call.answer);
  }

  #ask(call: SrtCall): void {
    const { conclusion, cookie } = call;
    const question = call.state === "induction"
      ? hs.inductionFor(conclusion)
      : hs.concludeWith(conclusion, cookie);
    call.askedAt = this.#engine.now();
    // The origin reckons the caller's clock from this: it must not stand still while we ask.
    addMicroseconds(question, (call.askedAt - call.startedAt) * 1000);
    call.link!.send(question);
  }
}

function addMicroseconds(packet: Uint8Array, more: number): void {
  writeWord(packet, TIMESTAMP_AT, (readWord(packet, TIMESTAMP_AT) + Math.round(more)) % 2 ** 32);
}
