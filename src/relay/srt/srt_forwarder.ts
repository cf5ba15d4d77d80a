// Moves SRT in its thread. It answers inductions without remembering anything, and repeats a proven
// caller's conclusion with the origin that owns its stream; from then on packets flow unread, but for
// the header. Nothing here waits: handshakes with origins go on from packet to packet and tick to tick.

import { ProtocolError, toProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/origin.ts";
import type { Datagram, UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { fromRawAddress } from "../../net/udp/raw_address.ts";
import type { ThreadRelay, ThreadRelayParts } from "../../net/udp/serve_thread.ts";
import * as hs from "../../protocol/srt/handshake.ts";
import {
  controlTypeOf,
  destinationOf,
  encodeShutdown,
  HANDSHAKE,
  HEADER,
  SHUTDOWN,
} from "../../protocol/srt/packet.ts";
import { BadModeError, parseStreamId, type SrtWish } from "../../protocol/srt/stream_id.ts";
import type { Cookies } from "./cookies.ts";
import { OriginHandshake } from "./origin_handshake.ts";
import { type CallState, type SrtCall, SrtCalls } from "./srt_calls.ts";
import { noSrtDrops, type SrtDrop } from "./srt_drops.ts";
import type { SrtCommand, SrtInit, SrtReport } from "./srt_messages.ts";

/** A caller whose origins have not answered by then is refused, milliseconds. */
const CALL_TIMEOUT = 2_900;
/** A refusal is repeated so long, milliseconds: callers ask again every 250 ms. */
const REFUSAL_MEMORY = 3_000;
/** Calls are looked through so often, milliseconds. */
const SWEEP = 1_000;

/** Reasons of libsrt itself (srt.h) and of applications (access_control.h). */
const REJ_VERSION = 8;
const REJX_BAD_REQUEST = 1400;
const REJX_OVERLOAD = 1402;
const REJX_BAD_MODE = 1405;
const REJX_UNACCEPTABLE = 1406;
const REJX_GATEWAY = 1502;
const REJX_DOWN = 1503;

/** What a forwarder is made of. */
export interface SrtForwarderParts extends ThreadRelayParts<SrtInit, SrtReport> {
  readonly cookies: Cookies;
}

/** The relay of all SRT sessions. */
export class SrtForwarder implements ThreadRelay<SrtCommand> {
  readonly #init: SrtInit;
  readonly #engine: UdpEngine;
  readonly #cookies: Cookies;
  readonly #report: (report: SrtReport) => void;
  readonly #calls: SrtCalls;
  readonly #handshake: OriginHandshake;
  /** Calls that are not open yet. */
  readonly #pending = new Set<SrtCall>();
  /** Calls whose SHUTDOWN is on its way, and why. */
  readonly #closing = new Map<SrtCall, string>();
  #drops = noSrtDrops();
  #fromClients = { packets: 0, bytes: 0 };
  #fromOrigins = { packets: 0, bytes: 0 };
  #isDraining = false;
  #nextSweep = 0;

  constructor({ init, engine, report, cookies }: SrtForwarderParts) {
    this.#init = init;
    this.#engine = engine;
    this.#cookies = cookies;
    this.#report = report;
    this.#calls = new SrtCalls(init.maxSessions);
    this.#handshake = new OriginHandshake(engine, this.#calls);
  }

  fromClient({ buffer, length, sender }: Datagram): UdpLink | undefined {
    if (length < HEADER) return this.#drop("malformed");
    const target = destinationOf(buffer);
    if (target === 0) return this.#takeHandshake(buffer.subarray(0, length), sender);
    const call = this.#calls.ofTarget(sender, target);
    if (call === undefined) return this.#drop("unknown_socket");
    call.clientAt = this.#engine.now();
    call.bytesIn += length;
    this.#fromClients.packets++;
    this.#fromClients.bytes += length;
    if (controlTypeOf(buffer) === SHUTDOWN) this.#closing.set(call, "client_closed");
    return call.link;
  }

  fromOrigin(link: UdpLink, { buffer, length }: Datagram): boolean {
    const call = this.#calls.ofLink(link);
    if (call === undefined || length < HEADER) return false;
    if (call.state !== "open") {
      this.#takeAnswer(call, buffer.subarray(0, length));
      return false;
    }
    call.originAt = this.#engine.now();
    call.bytesOut += length;
    this.#fromOrigins.packets++;
    this.#fromOrigins.bytes += length;
    if (controlTypeOf(buffer) === SHUTDOWN) this.#closing.set(call, "origin_closed");
    return true;
  }

  refused(link: UdpLink): void {
    const call = this.#calls.ofLink(link);
    if (call === undefined) return;
    if (call.state === "open") this.#end(call, "origin_gone");
    else this.#originFailed(call, false);
  }

  tick(now: number): void {
    for (const [call, reason] of this.#closing) this.#finish(call, reason);
    this.#closing.clear();
    for (const call of this.#pending) this.#goOn(call, now);
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + SWEEP;
    for (const call of this.#calls.all()) this.#sweep(call, now);
    this.#reportMoved();
  }

  command(command: SrtCommand): void {
    if (command.type === "drain") {
      this.#isDraining = true;
      return;
    }
    const call = this.#calls.get(command.call);
    if (call === undefined) return;
    if (command.type === "close") this.#end(call, command.reason);
    else if (call.state !== "asking") return;
    else if (command.type === "refuse") this.#refuse(call, command.reject);
    else this.#ask(call, command.address);
  }

  end(): void {
    for (const call of this.#calls.all()) this.#end(call, "shutdown");
    this.#reportMoved();
  }

  #takeHandshake(packet: Uint8Array, sender: Uint8Array): undefined {
    if (packet.length < hs.HANDSHAKE_SIZE || controlTypeOf(packet) !== HANDSHAKE) {
      return this.#drop("malformed");
    }
    const { type, cookie, version } = hs.parseHandshake(packet.subarray(0, hs.HANDSHAKE_SIZE));
    const time = Date.now();
    if (type === hs.INDUCTION) {
      const answer = hs.answerInduction(packet, this.#cookies.bake(sender, time));
      return this.#engine.sendToClient(sender, answer) as undefined;
    }
    if (type !== hs.CONCLUSION) return this.#drop("malformed");
    if (!this.#cookies.knows(cookie, sender, time)) return this.#drop("bad_cookie");
    if (version !== 5) return this.#turnAway(packet, sender, ["old_version", REJ_VERSION]);
    this.#takeConclusion(packet, sender);
  }

  #takeConclusion(packet: Uint8Array, sender: Uint8Array): void {
    const why = this.#takeWish(packet, sender);
    if (why) this.#turnAway(packet, sender, why);
  }

  /** @returns why the caller is turned away; undefined when it is not */
  #takeWish(packet: Uint8Array, sender: Uint8Array): Refusal | undefined {
    let shake: hs.Handshake;
    let wish: SrtWish;
    try {
      shake = hs.parseHandshake(packet);
      const known = this.#calls.ofCaller(sender, shake.socketId);
      if (known) return this.#repeatAnswer(known);
      wish = parseStreamId(shake.streamId);
    } catch (error) {
      if (error instanceof BadModeError) return ["bad_stream_id", REJX_BAD_MODE];
      if (toProxyError(error).code === "bad_request") return ["bad_stream_id", REJX_BAD_REQUEST];
      throw error;
    }
    const address = fromRawAddress(sender);
    const { maxSessions, maxSessionsPerAddress, maxKeyMaterial } = this.#init;
    if (this.#isDraining) return ["draining", REJX_DOWN];
    if (maxKeyMaterial > 0 && shake.keyMaterial > maxKeyMaterial) {
      return ["key_material", REJX_UNACCEPTABLE];
    }
    if (this.#calls.size >= maxSessions) return ["session_limit", REJX_OVERLOAD];
    if (this.#calls.countOf(address) >= maxSessionsPerAddress) {
      return ["address_limit", REJX_OVERLOAD];
    }
    const call = this.#calls.add(sender, shake.socketId, packet, this.#engine.now());
    this.#pending.add(call);
    const { key: { key: stream }, intent } = wish;
    this.#report({ type: "wanted", call: call.id, stream, intent, client: address });
  }

  /** Refuses without remembering it. */
  #turnAway(packet: Uint8Array, sender: Uint8Array, [drop, reject]: Refusal): undefined {
    this.#engine.sendToClient(sender, hs.refuseHandshake(packet, reject));
    return this.#drop(drop);
  }

  #repeatAnswer(call: SrtCall): undefined {
    call.clientAt = this.#engine.now();
    if (call.answer) this.#handshake.answer(call);
  }

  #ask(call: SrtCall, origin: Address): void {
    try {
      this.#handshake.begin(call, origin);
    } catch (error) {
      const { code } = toProxyError(error);
      if (code === "overloaded") this.#refuse(call, REJX_OVERLOAD);
      else if (code === "origin_unreachable") this.#originFailed(call, false);
      else throw error;
    }
  }

  #takeAnswer(call: SrtCall, packet: Uint8Array): void {
    try {
      const state = this.#handshake.take(call, packet);
      if (state === "open") this.#opened(call);
      else if (state === "refused") this.#refusedByOrigin(call);
    } catch (error) {
      if (error instanceof ProtocolError) this.#originFailed(call, false);
      else throw error;
    }
  }

  #opened(call: SrtCall): void {
    this.#pending.delete(call);
    call.clientAt = call.originAt = this.#engine.now();
    this.#report({ type: "opened", call: call.id });
  }

  #refusedByOrigin(call: SrtCall): void {
    this.#pending.delete(call);
    this.#calls.dropLink(call);
    const reject = hs.parseHandshake(call.answer!).type - hs.REFUSED;
    this.#report({ type: "refused", call: call.id, reject });
  }

  #originFailed(call: SrtCall, isSilent: boolean): void {
    if (call.state === "refused") return;
    this.#calls.dropLink(call);
    call.state = "asking";
    this.#report({ type: "unreachable", call: call.id, isSilent });
  }

  #refuse(call: SrtCall, reject: number): void {
    this.#pending.delete(call);
    this.#calls.dropLink(call);
    this.#handshake.refuse(call, reject);
  }

  #goOn(call: SrtCall, now: number): void {
    if (now - call.startedAt > CALL_TIMEOUT) {
      this.#refuse(call, REJX_GATEWAY);
      this.#reportEnd(call, "origin_timeout");
    } else if (call.state !== "asking" && !this.#handshake.goOn(call, now)) {
      this.#originFailed(call, true);
    }
  }

  #sweep(call: SrtCall, now: number): void {
    const { idleTimeout } = this.#init;
    if (call.state === "refused") {
      if (now - call.answeredAt > REFUSAL_MEMORY) this.#calls.remove(call);
    } else if (call.state === "open") {
      if (now - call.clientAt > idleTimeout) this.#end(call, "client_silent");
      else if (now - call.originAt > idleTimeout) this.#end(call, "origin_gone");
    }
  }

  /** Ends a call from here: both sides are told. */
  #end(call: SrtCall, reason: string): void {
    if (call.state === "open") {
      this.#engine.sendToClient(call.client, encodeShutdown(call.callerSocket));
      call.link?.send(encodeShutdown(call.originSocket));
    }
    this.#finish(call, reason);
  }

  #finish(call: SrtCall, reason: string): void {
    const state: CallState = call.state;
    this.#pending.delete(call);
    this.#calls.remove(call);
    // Of one that was refused the end has been told already.
    if (state !== "refused") this.#reportEnd(call, reason);
  }

  #reportEnd({ id, bytesIn, bytesOut }: SrtCall, reason: string): void {
    this.#report({ type: "ended", call: id, reason, bytesIn, bytesOut });
  }

  #drop(reason: SrtDrop): undefined {
    this.#drops[reason]++;
    return undefined;
  }

  #reportMoved(): void {
    const fromClients = this.#fromClients;
    const fromOrigins = this.#fromOrigins;
    this.#report({ type: "moved", fromClients, fromOrigins, drops: this.#drops });
    this.#fromClients = { packets: 0, bytes: 0 };
    this.#fromOrigins = { packets: 0, bytes: 0 };
    this.#drops = noSrtDrops();
  }
}

/** How it is counted, and the reason that the caller is told. */
type Refusal = readonly [drop: SrtDrop, reject: number];
