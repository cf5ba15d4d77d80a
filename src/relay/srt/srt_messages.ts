// The messages between the main thread and the SRT thread: plain data. A call is one caller's wish,
// from its conclusion on; its number is never reused.

import type { Address } from "../../core/origin.ts";
import type { MovedFigures } from "../udp_figures.ts";

/** Limits of the thread, which may change but for the secret; durations in milliseconds. */
export interface SrtInit {
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** A session in which one side is silent so long is over. */
  readonly idleTimeout: number;
  /** Bytes of key material; 0 = any number. */
  readonly maxKeyMaterial: number;
  /** The StreamID of callers who bring none; empty = they are refused. */
  readonly defaultStreamId: string;
  /** What cookies are made with; empty = a secret of this process alone. */
  readonly cookieSecret: string;
}

/** To the thread. */
export type SrtCommand =
  /** All addresses of one origin, the preferred one first. */
  | { readonly type: "origin"; readonly call: number; readonly addresses: readonly Address[] }
  /** An accepted publisher holds his stream and may be told so. */
  | { readonly type: "admit"; readonly call: number }
  /** @see ProxyError.srtReject */
  | { readonly type: "refuse"; readonly call: number; readonly reject: number }
  | { readonly type: "close"; readonly call: number; readonly reason: string }
  | { readonly type: "drain" };

/** From it. */
export type SrtReport =
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
  | { readonly type: "opened"; readonly call: number }
  | {
    readonly type: "ended";
    readonly call: number;
    readonly reason: string;
    readonly bytesIn: number;
    readonly bytesOut: number;
  }
  /** Since the last one. */
  | ({ readonly type: "moved" } & MovedFigures);
