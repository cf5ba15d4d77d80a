// The messages between the main thread and the thread of WebRTC media: plain data.

import type { LabelValue } from "../../core/metric_table.ts";
import type { Address } from "../../core/address.ts";
import type { SessionCommand, SessionReport } from "../udp/messages.ts";

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

/** Why the media of a session is no longer taken. */
export type MediaEnd = LabelValue<"srs_proxy_rtc_sessions_closed_total", "reason">;

/** What the thread must know of a session. */
export interface AgreedSession {
  readonly user: string;
  readonly password: string;
  readonly media: Address;
  /** Whether it counts by the address from which it was asked for, so that of its media is free. */
  readonly isCounted?: boolean;
  /** The user that it was before an ICE restart. */
  readonly before?: string | undefined;
}

/** To the thread. */
export type MediaCommand =
  /** Sessions that have not begun when it drains have little time for it. */
  | SessionCommand<string, MediaEnd>
  /** `isWanted`: its client has asked already, and proves itself by that or is none. */
  | { readonly type: "open"; readonly session: AgreedSession; readonly isWanted: boolean }
  /** Nobody knows this user. */
  | { readonly type: "unknown"; readonly user: string };

/** From it. */
export type MediaReport =
  | SessionReport<string, "rtc", MediaEnd>
  /** The session was opened: its media is taken from now on. */
  | { readonly type: "known"; readonly user: string }
  /** A client nobody has told of asks for this session. */
  | { readonly type: "wanted"; readonly user: string }
  /** The first address of a client has proved itself. */
  | { readonly type: "started"; readonly user: string; readonly client: Address }
  /** The client is at that address: a handshake with it there has been finished. */
  | { readonly type: "keyed"; readonly user: string; readonly client: Address };
