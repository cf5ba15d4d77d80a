// The messages between the main thread and the forwarders of SRT: plain data. A call is one caller's
// wish, from its conclusion on; its number is never given again by the same forwarder.

import type { LabelValue } from "../../core/metric_table.ts";
import type { Address } from "../../core/address.ts";
import type { SessionCommand, SessionReport } from "../udp/messages.ts";

/**
 * A caller whose origins have not answered by then is refused, milliseconds: callers wait for 3 s.
 */
export const CALL_TIMEOUT = 2_900;

/** Limits, which may change but for the key, lanes and maxSessions; durations in milliseconds. */
export interface SrtInit {
  /** How many lanes have forwarders. */
  readonly lanes: number;
  /** In all lanes. */
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** A session in which one side is silent so long is over. */
  readonly idleTimeout: number;
  /** Bytes of key material; 0 = any number. */
  readonly maxKeyMaterial: number;
  /** The StreamID of callers who bring none; empty = they are refused. */
  readonly defaultStreamId: string;
  /** What cookies are made with, the same in all lanes: 16 bytes. */
  readonly cookieKey: Uint8Array;
}

/** Why a session is over. */
export type SrtEnd = LabelValue<"srs_proxy_srt_sessions_closed_total", "reason">;

/** Why a call has come to nothing, beside the reasons that a session has too. */
export type SrtFailure = "origin_timeout" | "unanswered" | "unconfirmed" | "overloaded";

/** To a forwarder. */
export type SrtCommand =
  | SessionCommand<number, SrtEnd>
  /** All addresses of one origin, the preferred one first. */
  | { readonly type: "origin"; readonly call: number; readonly addresses: readonly Address[] }
  /** An accepted publisher holds his stream and may be told so. */
  | { readonly type: "admit"; readonly call: number }
  /** @see ProxyError.srtReject */
  | { readonly type: "refuse"; readonly call: number; readonly reject: number };

/** From it. */
export type SrtReport =
  | SessionReport<number, "srt", SrtEnd | SrtFailure>
  | {
    readonly type: "wanted";
    readonly call: number;
    readonly stream: string;
    readonly intent: "publish" | "play";
    readonly client: Address;
  }
  /** No address of the origin has answered an induction of ours. */
  | { readonly type: "unreachable"; readonly call: number; readonly isSilent: boolean }
  /** One has: whatever comes of the call, the origin is there. */
  | { readonly type: "reached"; readonly call: number }
  /** The origin has taken a publisher, who waits for "admit". */
  | { readonly type: "accepted"; readonly call: number }
  /** The origin has refused, and the caller been told its reason. */
  | { readonly type: "refused"; readonly call: number; readonly reject: number }
  | { readonly type: "opened"; readonly call: number };
