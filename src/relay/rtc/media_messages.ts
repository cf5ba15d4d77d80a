// The messages between the main thread and the forwarders of WebRTC media: plain data.

import type { LabelValue } from "../../core/metric_table.ts";
import type { Address } from "../../core/address.ts";
import type { ClientPlace } from "./client_location.ts";
import type { KnownUsersMemory } from "./known_users.ts";
import type { SessionCommand, SessionReport } from "../udp/messages.ts";

/** What a forwarder is opened with; limits may change later. Durations in milliseconds. */
export interface MediaInit {
  /** Users of all sessions of this process, in any lane. */
  readonly users: KnownUsersMemory;
  /** How many lanes share the limit on lookups of strangers. */
  readonly lanes: number;
  /** A client address that has not proved itself for this long is forgotten (RFC 7675). */
  readonly consentTimeout: number;
  /** Most client addresses known at once, in all lanes. */
  readonly maxPaths: number;
  /**
   * Most sessions of one client IP address, counting those whose negotiation was not counted here.
   */
  readonly maxSessionsPerAddress: number;
}

/** Why a session's media is no longer accepted. */
export type MediaEnd = LabelValue<"srs_proxy_rtc_sessions_closed_total", "reason">;

/** What a lane must know about a session. */
export interface AgreedSession {
  readonly user: string;
  readonly password: string;
  readonly media: Address;
  /** Alternatives to `media`, in the order in which they are tried. */
  readonly otherMedia?: readonly Address[] | undefined;
  /**
   * Whether it counts by the address that asked for it, and therefore not by the address of its
   * media.
   */
  readonly isCounted?: boolean;
  /** Its user before an ICE restart. */
  readonly before?: string | undefined;
  /** Whether another lane has it already, so that sockets here come in addition to its first. */
  readonly isElsewhere?: boolean;
}

/** Commands to a lane. */
export type MediaCommand =
  | SessionCommand<string, MediaEnd>
  /**
   * `isWanted`: sent because a client has asked for the session; dropped again unless the requests
   * held for it prove that client.
   */
  | { readonly type: "open"; readonly session: AgreedSession; readonly isWanted: boolean }
  /** There is no session with this user. */
  | { readonly type: "unknown"; readonly user: string };

/** Reports from a lane. */
export type MediaReport =
  | SessionReport<string, "rtc", MediaEnd>
  /** A client asks for this session, which the lane does not know. */
  | { readonly type: "wanted"; readonly user: string }
  /** The first address of a client in this lane has proved itself. */
  | { readonly type: "started"; readonly user: string } & ClientPlace
  /**
   * Of a client's addresses in this lane, most of what is more than connectivity checks has flowed at
   * that one since about a second, unlike before; or nothing at any of them.
   */
  | {
    readonly type: "located";
    readonly user: string;
    readonly place: ClientPlace | undefined;
  }
  /** The client is at that address: a handshake there has been completed. */
  | { readonly type: "keyed"; readonly user: string; readonly client: Address };
