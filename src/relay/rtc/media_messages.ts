// The messages between the main thread and the thread of WebRTC media: plain data.

import type { Address } from "../../core/origin.ts";
import type { MovedFigures } from "../udp_figures.ts";

/** Limits of the thread, which may change; durations in milliseconds. */
export interface MediaInit {
  /** How long after it was agreed on a session that has not begun is over. */
  readonly startTimeout: number;
  /** An address of a client that has not proved itself so long is forgotten (RFC 7675). */
  readonly consentTimeout: number;
  /** Addresses of clients that may be known at once. */
  readonly maxPaths: number;
  /** Sessions that one IP address of a client may have at once, of those that count nowhere else. */
  readonly maxSessionsPerAddress: number;
}

/** What the thread must know of a session. */
export interface MediaSession {
  readonly user: string;
  readonly password: string;
  readonly media: Address;
  /** Whether it counts by the address from which it was asked for, so that of its media is free. */
  readonly isCounted?: boolean;
  /** The user that it was before an ICE restart. */
  readonly before?: string;
}

/** To the thread. */
export type MediaCommand =
  /** `isWanted`: its client has asked already, and proves itself by that or is none. */
  | { readonly type: "open"; readonly session: MediaSession; readonly isWanted: boolean }
  | { readonly type: "close"; readonly user: string; readonly reason: string }
  /** Nobody knows this user. */
  | { readonly type: "unknown"; readonly user: string }
  /** Sessions that do not begin now never will. */
  | { readonly type: "drain" };

/** From it. */
export type MediaReport =
  /** The session was opened: its media is taken from now on. */
  | { readonly type: "known"; readonly user: string }
  /** A client nobody has told of asks for this session. */
  | { readonly type: "wanted"; readonly user: string }
  /** The first address of a client has proved itself. */
  | { readonly type: "started"; readonly user: string; readonly client: Address }
  /** The client is at that address: a handshake with it there has been finished. */
  | { readonly type: "keyed"; readonly user: string; readonly client: Address }
  | {
    readonly type: "ended";
    readonly user: string;
    readonly reason: string;
    readonly bytesIn: number;
    readonly bytesOut: number;
  }
  /** Since the last one. */
  | ({ readonly type: "moved" } & MovedFigures);
