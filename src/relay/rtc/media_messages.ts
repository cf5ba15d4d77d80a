// The messages between the main thread and the forwarders of WebRTC media: plain data.

import type { LabelValue } from "../../core/metric_table.ts";
import type { Address } from "../../core/address.ts";
import type { Transport } from "../../core/fleet.ts";
import type { KnownUsersMemory } from "./known_users.ts";
import type { SessionCommand, SessionReport } from "../udp/messages.ts";

/** What a forwarder is opened with; limits may change. Durations in milliseconds. */
export interface MediaInit {
  /** Whoever has a session in this process, in whatever lane. */
  readonly users: KnownUsersMemory;
  /** How many lanes ask about strangers. */
  readonly lanes: number;
  /** An address of a client that has not proved itself so long is forgotten (RFC 7675). */
  readonly consentTimeout: number;
  /** Addresses of clients that may be known at once, in all lanes. */
  readonly maxPaths: number;
  /** Sessions that one IP address of a client may have at once, of those that count nowhere else. */
  readonly maxSessionsPerAddress: number;
}

/** Why the media of a session is no longer taken. */
export type MediaEnd = LabelValue<"srs_proxy_rtc_sessions_closed_total", "reason">;

/** What a lane must know of a session. */
export interface AgreedSession {
  readonly user: string;
  readonly password: string;
  readonly media: Address;
  /** Whether it counts by the address from which it was asked for, so that of its media is free. */
  readonly isCounted?: boolean;
  /** The user that it was before an ICE restart. */
  readonly before?: string | undefined;
  /** Whether another lane has it already: what this one takes for it is beside its first socket. */
  readonly isElsewhere?: boolean;
}

/** To a lane. */
export type MediaCommand =
  | SessionCommand<string, MediaEnd>
  /** `isWanted`: nobody but its client has told of it, who proves itself by what it has asked or is none. */
  | { readonly type: "open"; readonly session: AgreedSession; readonly isWanted: boolean }
  /** Nobody knows this user. */
  | { readonly type: "unknown"; readonly user: string };

/** From it. */
export type MediaReport =
  | SessionReport<string, "rtc", MediaEnd>
  /** A client asks for this session, which the lane does not know. */
  | { readonly type: "wanted"; readonly user: string }
  /** The first address of a client in this lane has proved itself. */
  | {
    readonly type: "started";
    readonly user: string;
    readonly client: Address;
    readonly transport: Transport;
  }
  /** The client is at that address: a handshake with it there has been finished. */
  | { readonly type: "keyed"; readonly user: string; readonly client: Address };
