// The messages between the main thread and the SRT forwarders: plain data. A call begins with a
// caller's conclusion; a forwarder never reuses its number.

import type { LabelValue } from "../../core/metric_table.ts";
import type { Address } from "../../core/address.ts";
import type { SessionCommand, SessionReport } from "../udp/messages.ts";

/** When a caller is refused if no origin has answered, milliseconds: callers wait for 3 s. */
export const CALL_TIMEOUT = 2_900;

/**
 * Limits, which may change later except for the key, lanes and maxSessions. Durations in
 * milliseconds.
 */
export interface SrtInit {
  /** How many lanes have forwarders. */
  readonly lanes: number;
  /** In all lanes. */
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** How long one side may be silent before the session ends. */
  readonly idleTimeout: number;
  /** Most bytes of key material; 0 = unlimited. */
  readonly maxKeyMaterial: number;
  /** The StreamID for callers without one; empty = they are refused. */
  readonly defaultStreamId: string;
  /** The key of cookies, the same in all lanes: 16 bytes. */
  readonly cookieKey: Uint8Array;
}

/** Why a session ended. */
export type SrtEnd = LabelValue<"srs_proxy_srt_sessions_closed_total", "reason">;

/** Why a call failed, in addition to the reasons of sessions. */
export type SrtFailure = "origin_timeout" | "unanswered" | "unconfirmed" | "overloaded";

/** Commands to a forwarder. */
export type SrtCommand =
  | SessionCommand<number, SrtEnd>
  /** All addresses of one origin, the preferred one first. */
  | { readonly type: "origin"; readonly call: number; readonly addresses: readonly Address[] }
  /** An accepted publisher holds its stream and may be told so. */
  | { readonly type: "admit"; readonly call: number }
  /** @see ProxyError.srtReject */
  | { readonly type: "refuse"; readonly call: number; readonly reject: number };

/** Reports from a forwarder. */
export type SrtReport =
  | SessionReport<number, "srt", SrtEnd | SrtFailure>
  | {
    readonly type: "wanted";
    readonly call: number;
    readonly stream: string;
    readonly intent: "publish" | "play";
    readonly client: Address;
  }
  /** No address of the origin has answered our inductions. */
  | { readonly type: "unreachable"; readonly call: number; readonly isSilent: boolean }
  /** An address has answered: whatever becomes of the call, the origin is up. */
  | { readonly type: "reached"; readonly call: number }
  /** The origin has accepted a publisher, which waits for "admit". */
  | { readonly type: "accepted"; readonly call: number }
  /** The origin has refused, and the caller has been told its reason. */
  | { readonly type: "refused"; readonly call: number; readonly reject: number }
  | { readonly type: "opened"; readonly call: number };
