// Handles handshakes before anything is remembered about their sender: a caller's induction is
// answered with a cookie; a conclusion is parsed, and becomes a call or is refused with a reason.
// Everything else is dropped. Nothing that SRS would not answer, or not survive, gets past here.

import { toProxyError } from "../../core/errors.ts";
import { BadModeError, parseStreamId, type SrtWish } from "../../core/srt_stream_id.ts";
import * as hs from "../../protocol/srt/handshake.ts";
import { controlTypeOf, HANDSHAKE } from "../../protocol/srt/packet.ts";
import type { Cookies } from "./cookies.ts";
import * as reject from "./reject_reasons.ts";
import type { WantedCall } from "./srt_calls.ts";
import type { DropReason } from "../udp/figures.ts";
import type { SrtInit } from "./srt_messages.ts";

/**
 * Most proxies of this kind that a caller may have come through. Otherwise a proxy registered as
 * its own origin would call itself until it is full.
 */
const MAX_HOPS = 4;

/** How a refusal is counted, and the reason that the caller is told. */
export type Refusal = readonly [drop: DropReason<"srt">, reject: number];

/** What a caller wants, and what an origin will be told about it. */
export interface Caller {
  readonly call: WantedCall;
  readonly stream: string;
}

/** The decision about a packet; `answer` is to be sent to its sender. */
export type AtTheDoor =
  | { readonly type: "drop"; readonly drop: DropReason<"srt"> }
  | { readonly type: "answer"; readonly answer: Uint8Array }
  | { readonly type: "refuse"; readonly refusal: Refusal }
  | { readonly type: "caller"; readonly caller: Caller };

export class SrtDoor {
  readonly #init: () => SrtInit;
  readonly #cookies: Cookies;

  /** @param init called for every packet */
  constructor(init: () => SrtInit, cookies: Cookies) {
    this.#init = init;
    this.#cookies = cookies;
  }

  /**
   * Handles a packet for socket 0.
   *
   * @param sender in the form of `Datagram.sender`
   * @param time wall time, milliseconds
   */
  take(packet: Uint8Array, sender: Uint8Array, time: number): AtTheDoor {
    if (packet.length < hs.HANDSHAKE_SIZE || controlTypeOf(packet) !== HANDSHAKE) {
      return drop("malformed");
    }
    const shake = hs.parseHandshake(packet.subarray(0, hs.HANDSHAKE_SIZE));
    if (hs.isCallerInduction(shake)) {
      const answer = hs.answerInduction(packet, this.#cookies.bake(sender, time));
      return { type: "answer", answer };
    }
    // Socket 0 is a listener: an answer to it would look like a new handshake.
    if (shake.type !== hs.CONCLUSION || shake.socketId === 0) return drop("malformed");
    if (!this.#cookies.knows(shake.cookie, sender, time)) return drop("bad_cookie");
    if (!hs.isConclusion(shake)) return refuse(["old_version", reject.VERSION]);
    if (!hs.isAnswerable(shake, packet.length)) return refuse(["bad_handshake", reject.ROGUE]);
    if (hs.hopsOf(packet) >= MAX_HOPS) return refuse(["loop", reject.GATEWAY]);
    return this.#read(packet);
  }

  #read(packet: Uint8Array): AtTheDoor {
    try {
      const shake = hs.parseHandshake(packet);
      const { maxKeyMaterial, defaultStreamId } = this.#init();
      if (maxKeyMaterial > 0 && shake.keyMaterial > maxKeyMaterial) {
        return refuse(["key_material", reject.UNACCEPTABLE]);
      }
      const streamId = shake.streamId || defaultStreamId;
      if (streamId === "") return refuse(["no_stream_id", reject.BAD_REQUEST]);
      const isNamed = shake.streamId !== "";
      const conclusion = isNamed ? packet : hs.withStreamId(packet, streamId);
      return callerOf(shake, conclusion, parseStreamId(streamId));
    } catch (error) {
      if (error instanceof BadModeError) return refuse(["bad_stream_id", reject.BAD_MODE]);
      if (toProxyError(error).code !== "bad_request") throw error;
      return refuse(["bad_stream_id", reject.BAD_REQUEST]);
    }
  }
}

function callerOf(
  { socketId: callerSocket, sequence }: hs.Handshake,
  conclusion: Uint8Array,
  { key, intent }: SrtWish,
): AtTheDoor {
  const call: WantedCall = { callerSocket, sequence, intent, conclusion };
  return { type: "caller", caller: { call, stream: key.key } };
}

function drop(reason: DropReason<"srt">): AtTheDoor {
  return { type: "drop", drop: reason };
}

function refuse(refusal: Refusal): AtTheDoor {
  return { type: "refuse", refusal };
}
