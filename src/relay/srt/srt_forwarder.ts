// Moves SRT packets in a lane. It answers inductions without remembering anything, and repeats a
// verified caller's conclusion to the origin that owns its stream; from then on packets are passed
// on unread, except for the header. Nothing here waits: handshakes with origins advance with each
// packet and tick.

import { endedBy, isEnding } from "../../core/ended_by.ts";
import type { Datagram, UdpEngine, UdpLink } from "../../net/udp/port.ts";
import * as hs from "../../protocol/srt/handshake.ts";
import * as srt from "../../protocol/srt/packet.ts";
import type { DropReason } from "../udp/figures.ts";
import type { Forwarder, ForwarderParts } from "../udp/forwarder.ts";
import { Traffic } from "../udp/traffic.ts";
import type { Cookies } from "./cookies.ts";
import { OriginHandshake } from "./origin_handshake.ts";
import * as reject from "./reject_reasons.ts";
import { type CallState, type SrtCall, SrtCalls } from "./srt_calls.ts";
import { type Caller, type Refusal, SrtDoor } from "./srt_door.ts";
import {
  CALL_TIMEOUT,
  type SrtCommand,
  type SrtEnd,
  type SrtFailure,
  type SrtInit,
  type SrtReport,
} from "./srt_messages.ts";

/** How long a refusal is repeated, milliseconds: callers ask again every 250 ms. */
const REFUSAL_MEMORY = 3_000;

/**
 * Why a call has timed out, by state. An origin that answers our inductions but not this conclusion
 * is not to blame.
 */
const TOO_LATE: Readonly<Partial<Record<CallState, SrtFailure>>> = {
  conclusion: "unanswered",
  accepted: "unconfirmed",
};

export interface SrtForwarderParts extends ForwarderParts<SrtInit, SrtReport> {
  readonly cookies: Cookies;
  /** Wall time for cookies, milliseconds. */
  wallTime(): number;
}

/** Relays all SRT sessions in its lane. */
export class SrtForwarder implements Forwarder<SrtCommand> {
  readonly #init: () => SrtInit;
  readonly #engine: UdpEngine;
  readonly #door: SrtDoor;
  readonly #wallTime: () => number;
  readonly #report: (report: SrtReport) => void;
  readonly #calls: SrtCalls;
  readonly #handshake: OriginHandshake;
  /** Calls that are not open yet. */
  readonly #pending = new Set<SrtCall>();
  /** Calls whose SHUTDOWN is being sent on, and why they end. */
  readonly #closing = new Map<SrtCall, SrtEnd>();
  readonly #traffic: Traffic<number, "srt", SrtEnd | SrtFailure>;
  #isDraining = false;

  constructor({ init, engine, tallies, report, cookies, wallTime }: SrtForwarderParts) {
    this.#init = init;
    this.#engine = engine;
    this.#door = new SrtDoor(init, cookies);
    this.#wallTime = wallTime;
    this.#report = report;
    this.#traffic = new Traffic("srt", report);
    this.#calls = new SrtCalls(init().maxSessions, tallies.sessions);
    this.#handshake = new OriginHandshake(engine, this.#calls, init().lanes);
  }

  fromClient({ buffer, length, sender }: Datagram): UdpLink | undefined {
    if (length < srt.HEADER) return this.#drop("malformed");
    const target = srt.destinationOf(buffer);
    if (target === 0) return this.#takeHandshake(buffer.subarray(0, length), sender);
    const call = this.#calls.ofTarget(sender, target);
    if (call?.state !== "open") return this.#drop("unknown_socket");
    const type = srt.controlTypeOf(buffer);
    if (type !== srt.DATA) {
      // A caller's handshakes must go to the listener. Origins would accept keys from any other.
      if (type === srt.HANDSHAKE) return this.#drop("malformed");
      if (this.#isTooMuchKey(buffer, length)) return this.#drop("key_material");
    }
    call.clientAt = this.#engine.now();
    this.#traffic.fromClient(call, length);
    if (type === srt.SHUTDOWN) this.#closeSoon(call, "client_closed");
    return call.link;
  }

  fromOrigin(link: UdpLink, { buffer, length }: Datagram): boolean {
    if (length < srt.HEADER) return false;
    const call = this.#calls.ofLink(link);
    const type = srt.controlTypeOf(buffer);
    if (call === undefined) {
      this.#handshake.takeLate(link, buffer.subarray(0, length));
      return false;
    }
    // Even in an open call, a handshake answers one that we have sent, perhaps twice.
    if (call.state !== "open" || type === srt.HANDSHAKE) {
      this.#takeAnswer(call, link, buffer.subarray(0, length));
      return false;
    }
    call.originAt = this.#engine.now();
    this.#traffic.fromOrigin(call, length);
    if (type === srt.SHUTDOWN) this.#closeSoon(call, "origin_closed");
    return true;
  }

  unreachable(link: UdpLink): void {
    const call = this.#calls.ofLink(link);
    if (call === undefined) return this.#handshake.unreachableLate(link);
    if (call.state === "induction") {
      if (!this.#handshake.unreachable(call, link)) this.#originFailed(call);
    } else if (call.state === "open") this.#end(call, "origin_gone");
    // A firewall may pass inductions and refuse the caller's own packets, so this proves nothing
    // against the origin.
    else if (call.state !== "refused") this.#giveUp(call, "origin_gone", reject.GATEWAY);
  }

  tick(now: number): void {
    for (const [call, reason] of this.#closing) this.#finish(call, reason);
    for (const call of this.#pending) this.#goOn(call, now);
    if (this.#pending.size + this.#closing.size > 0) this.#engine.tickSoon();
    this.#traffic.sweep(now, () => {
      for (const call of this.#calls.all()) this.#sweep(call, now);
      this.#handshake.sweep(now);
    });
  }

  /** Ends a call once its SHUTDOWN has been sent on. */
  #closeSoon(call: SrtCall, reason: SrtEnd): void {
    this.#closing.set(call, reason);
    this.#engine.tickSoon();
  }

  command(command: SrtCommand): void {
    if (command.type === "drain") {
      this.#isDraining = true;
      return;
    }
    if (command.type === "count") {
      return this.#traffic.count(command, (key) => this.#calls.get(key));
    }
    const call = this.#calls.get(command.type === "close" ? command.key : command.call);
    if (call === undefined) return;
    if (command.type === "close") this.#end(call, command.reason);
    else if (command.type === "admit") this.#admit(call);
    else if (command.type === "refuse") this.#refuseWanted(call, command.reject);
    else if (call.state === "asking" && !this.#handshake.begin(call, command.addresses)) {
      this.#originFailed(call);
    }
  }

  end(): void {
    for (const call of this.#calls.all()) this.#end(call, "shutdown");
    this.#traffic.report();
  }

  #takeHandshake(packet: Uint8Array, sender: Uint8Array): undefined {
    const what = this.#door.take(packet, sender, this.#wallTime());
    if (what.type === "drop") return this.#drop(what.drop);
    if (what.type === "answer") return this.#engine.sendToClient(sender, what.answer) as undefined;
    const refusal = what.type === "refuse" ? what.refusal : this.#takeCaller(what.caller, sender);
    if (refusal === undefined) return;
    this.#engine.sendToClient(sender, hs.refuseHandshake(packet, refusal[1]));
    return this.#drop(refusal[0]);
  }

  /** @returns why the caller is refused; undefined if it is not */
  #takeCaller({ call: wanted, stream }: Caller, sender: Uint8Array): Refusal | undefined {
    const known = this.#calls.ofCaller(sender, wanted.callerSocket);
    if (known?.sequence === wanted.sequence) return this.#repeatAnswer(known);
    if (known) this.#beginAnew(known);
    const { maxSessions, maxSessionsPerAddress } = this.#init();
    if (this.#isDraining) return ["draining", reject.DOWN];
    const bounds = { perAddress: maxSessionsPerAddress, total: maxSessions };
    const call = this.#calls.add(sender, wanted, { now: this.#engine.now(), bounds });
    if (typeof call === "string") return [`${call}_limit`, reject.OVERLOAD];
    this.#pending.add(call);
    this.#engine.tickSoon();
    const { id, intent, address: client } = call;
    this.#report({ type: "wanted", call: id, stream, intent, client });
  }

  #repeatAnswer(call: SrtCall): undefined {
    const isDecided = call.state === "open" || call.state === "refused";
    if (isDecided) this.#handshake.answer(call);
  }

  /** A device may use the same port and socket id after a restart: its old session has ended. */
  #beginAnew(call: SrtCall): void {
    if (call.state === "open") call.link?.send(srt.encodeShutdown(call.originSocket));
    this.#finish(call, "client_restarted");
  }

  #takeAnswer(call: SrtCall, link: UdpLink, packet: Uint8Array): void {
    const before = call.state;
    if (before === "accepted" && srt.controlTypeOf(packet) === srt.SHUTDOWN) {
      return this.#giveUp(call, "origin_closed", reject.GATEWAY);
    }
    const state = this.#handshake.take(call, link, packet);
    if (state === before) return;
    if (before === "induction") this.#report({ type: "reached", call: call.id });
    if (state === "open") this.#opened(call);
    else if (state === "accepted") this.#report({ type: "accepted", call: call.id });
    else if (state === "refused") this.#refusedByOrigin(call);
  }

  #admit(call: SrtCall): void {
    if (call.state !== "accepted") return;
    this.#handshake.open(call);
    this.#opened(call);
  }

  #opened(call: SrtCall): void {
    this.#pending.delete(call);
    call.clientAt = call.originAt = this.#engine.now();
    this.#report({ type: "opened", call: call.id });
  }

  #refusedByOrigin(call: SrtCall): void {
    this.#pending.delete(call);
    this.#handshake.leave(call);
    const reason = hs.parseHandshake(call.answer!.subarray(0, hs.HANDSHAKE_SIZE)).type;
    this.#report({ type: "refused", call: call.id, reject: reason - hs.REFUSED });
  }

  #originFailed(call: SrtCall): void {
    // Without a socket of our own, nothing is known about the origin.
    if (call.lacksSocket) return this.#giveUp(call, "overloaded", reject.OVERLOAD);
    call.state = "asking";
    this.#report({ type: "unreachable", call: call.id, isSilent: call.isSilent });
  }

  /** Refuses a call for which the main thread has found no origin or confirmed no stream. */
  #refuseWanted(call: SrtCall, reason: number): void {
    if (call.state === "asking" || call.state === "accepted") this.#refuse(call, reason);
  }

  /** Refuses a caller for a reason of the proxy's. */
  #giveUp(call: SrtCall, why: SrtEnd | SrtFailure, reason: number): void {
    this.#refuse(call, reason);
    this.#traffic.ended(call.id, call, why);
  }

  #refuse(call: SrtCall, reason: number): void {
    this.#pending.delete(call);
    if (call.state === "accepted") call.link?.send(srt.encodeShutdown(call.originSocket));
    this.#calls.dropTarget(call);
    this.#handshake.leave(call);
    this.#handshake.refuse(call, reason);
  }

  #goOn(call: SrtCall, now: number): void {
    if (now - call.startedAt > CALL_TIMEOUT) {
      this.#giveUp(call, TOO_LATE[call.state] ?? "origin_timeout", reject.GATEWAY);
    } else if (call.state === "induction" || call.state === "conclusion") {
      if (!this.#handshake.goOn(call, now)) this.#originFailed(call);
    }
  }

  #sweep(call: SrtCall, now: number): void {
    const { idleTimeout } = this.#init();
    if (call.state === "refused") {
      if (now - call.refusedAt > REFUSAL_MEMORY) this.#forget(call);
    } else if (call.state === "open") {
      this.#traffic.look(call.id, call, now);
      if (now - call.clientAt > idleTimeout) this.#end(call, "client_silent");
      else if (now - call.originAt > idleTimeout) this.#end(call, "origin_gone");
    }
  }

  /** Ends a call and tells both sides. */
  #end(call: SrtCall, reason: SrtEnd): void {
    if (call.state === "open") {
      this.#engine.sendToClient(call.client, srt.encodeShutdown(call.callerSocket));
      call.link?.send(srt.encodeShutdown(call.originSocket));
      this.#finish(call, reason);
    } else if (call.state !== "refused") {
      this.#giveUp(call, reason, isEnding(reason) ? endedBy(reason).srtReject : reject.DOWN);
    }
  }

  #finish(call: SrtCall, reason: SrtEnd): void {
    this.#forget(call);
    // The end of a refused call has been reported already.
    if (call.state !== "refused") this.#traffic.ended(call.id, call, reason);
  }

  #forget(call: SrtCall): void {
    this.#closing.delete(call);
    this.#pending.delete(call);
    this.#handshake.leave(call);
    this.#calls.remove(call);
  }

  #isTooMuchKey(buffer: Uint8Array, length: number): boolean {
    const { maxKeyMaterial } = this.#init();
    if (maxKeyMaterial === 0 || length - srt.HEADER <= maxKeyMaterial) return false;
    return srt.isKeyMaterial(buffer);
  }

  #drop(reason: DropReason<"srt">): undefined {
    return this.#traffic.drop(reason);
  }
}
