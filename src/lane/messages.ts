// What a lane and the main thread say to each other: plain data, in the order in which it is sent.

import type { OriginStatus } from "../core/registrar.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import type { Address } from "../core/address.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type {
  EndedBy,
  JoiningViewer,
  PartRequest,
  SessionClosed,
  SessionOpened,
  SessionRefused,
  StandingAnswer,
  StreamOwner,
  StreamPlace,
  StreamRequest,
} from "../core/contracts.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import type { TcpEngine } from "../net/engine.ts";
import type { TlsFailure } from "../net/securing_engine.ts";
import type { UdpProtocol } from "../relay/udp/figures.ts";
import type { ForwarderOpening, FromForwarder, ToForwarder } from "../relay/udp/forwarder.ts";
import type { SentError } from "./sent_error.ts";
import type { TallyMemory } from "./shared_tally.ts";

/** What a lane and the main thread share, in words of 32 bits: messages sent to it, and its thread's number. */
export const LANE_MAIL = 0;
export const LANE_THREAD = 1;

/** Which relays a lane runs, and where. */
export interface LaneListen {
  readonly rtmp: ListenAddress;
  /** Absent where the HTTP server is the main thread's. */
  readonly http: ListenAddress | undefined;
  /** Over TLS; absent where there is none. */
  readonly rtmps?: ListenAddress | undefined;
  readonly https?: ListenAddress | undefined;
  /** WebRTC over TCP, at a port of its own or at one of those. */
  readonly rtcTcp?: ListenAddress | "http" | "https" | undefined;
  /** Whether others listen there too. */
  readonly reusePort: boolean;
}

/** Where a lane listens. */
export interface LaneAddresses {
  readonly rtmp: Address;
  readonly http: Address | undefined;
  readonly rtmps: Address | undefined;
  readonly https: Address | undefined;
  /** A port of its own. */
  readonly rtcTcp: Address | undefined;
}

/** What a lane is made of. */
export interface LaneInit {
  /** Its number, from 1; the main thread is 0. */
  readonly lane: number;
  /** Its column in the tallies, which no other thread has. */
  readonly column: number;
  readonly engine: TcpEngine["kind"];
  readonly listen: LaneListen;
  /** Of which the lane makes the configuration. */
  readonly variables: Readonly<Record<string, string>>;
  /** What is shown to clients over TLS. */
  readonly tls?: TlsKeys | undefined;
  /** Of origins' certificates, in PEM; the system's when absent. */
  readonly authorities?: string | undefined;
  /** Ids of sessions begin with it. */
  readonly idPrefix: string;
  /** What the process calls itself in Via. */
  readonly pseudonym: string;
  /** Connections of each listener, and memory of clients that are not identified, of all lanes. */
  readonly rtmpConnections: TallyMemory;
  readonly httpConnections: TallyMemory;
  readonly rtcConnections: TallyMemory;
  readonly identifyMemory: TallyMemory;
  /** Of the registry's `ChangeCounts`. */
  readonly changes: SharedArrayBuffer;
  /** See `LANE_MAIL`. */
  readonly mail: SharedArrayBuffer;
  /** The lane's descriptors, of `DescriptorSet.memory`. */
  readonly descriptors: SharedArrayBuffer;
  /** An eventfd that says that there is mail, for the libc engine. */
  readonly wake?: number | undefined;
}

/** A request that the main thread answers: for a page or a file. It has no body. */
export interface PageRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** A request about WebRTC, which the main thread answers. */
export interface SignalRequest extends PageRequest {
  /** Its number in this lane. */
  readonly call: number;
  /** Why it could not be read, perhaps; undefined when there is none. */
  readonly body: Uint8Array<ArrayBuffer> | SentError | undefined;
  readonly peer: Address;
}

/** Its answer. */
export interface SignalAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** An answer without its body. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Number of the body, to be pulled piece by piece; undefined when there is none. */
  readonly body: number | undefined;
}

/** What a lane asks for, and what it gets. */
export interface LaneQuestions {
  place: { readonly question: StreamRequest; readonly answer: StandingAnswer<StreamPlace> };
  confirm: { readonly question: string; readonly answer: undefined };
  part: { readonly question: PartRequest; readonly answer: StandingAnswer<Origin> };
  owner: {
    readonly question: string;
    readonly answer: StandingAnswer<StreamOwner | undefined>;
  };
  origins: { readonly question: undefined; readonly answer: readonly OriginStatus[] };
  page: { readonly question: PageRequest; readonly answer: PageAnswer };
  signal: { readonly question: SignalRequest; readonly answer: SignalAnswer };
  /** The next piece of a body; undefined at its end. */
  pull: { readonly question: number; readonly answer: Uint8Array | undefined };
}

/** What a lane tells. */
export type LaneNotice =
  /** A viewer uses what the lane knows of its stream. */
  | { readonly type: "join"; readonly viewer: JoiningViewer }
  /** An origin serves a viewer. Publishers wait for an answer. */
  | { readonly type: "confirm"; readonly session: string }
  | { readonly type: "release"; readonly session: string }
  | {
    readonly type: "reached" | "unreachable";
    readonly origin: string;
    readonly protocol: Protocol;
  }
  | { readonly type: "session_opened"; readonly event: SessionOpened }
  | { readonly type: "session_closed"; readonly event: SessionClosed }
  | {
    readonly type: "session_refused";
    readonly event: Omit<SessionRefused, "error">;
    readonly error: SentError;
  }
  | { readonly type: "metrics"; readonly metrics: SentMetrics }
  | { readonly type: "tls_failed"; readonly failure: TlsFailure }
  /** Bytes that origins have sent for sessions, those that have changed. */
  | { readonly type: "received"; readonly sessions: readonly (readonly [string, number])[] }
  /** The client of a request about WebRTC has left. */
  | { readonly type: "signal_left"; readonly call: number }
  /** Nobody wants the rest of a body. */
  | { readonly type: "drop_body"; readonly body: number }
  | { readonly type: "error"; readonly error: SentError; readonly times: number };

/** What has come together in the metrics of a lane. */
export interface SentMetrics {
  readonly counts: readonly Counted[];
  readonly gauges: readonly (readonly [name: string, value: number])[];
  readonly observed: readonly Observed[];
}

/** A counter of the metrics and what is to be added. */
export interface Counted {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly by: number;
}

/** What all lanes count in for one protocol over UDP: see `SharedTallies`. */
export interface ForwarderTallies {
  readonly sessions: TallyMemory;
  readonly sockets: TallyMemory;
}

/** To a lane's forwarder. */
export type ToLaneForwarder =
  | {
    readonly type: "open";
    readonly opening: ForwarderOpening<object>;
    readonly tallies: ForwarderTallies;
  }
  | ToForwarder<object, unknown>;

/** Durations for a histogram that fall into one bucket. */
export interface Observed {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly times: number;
  /** Their mean. */
  readonly seconds: number;
}

/** From a lane. */
export type FromLane =
  | ({ readonly type: "opened" } & LaneAddresses)
  | { readonly type: "failed"; readonly error: SentError }
  | {
    readonly type: "question";
    readonly id: number;
    readonly about: keyof LaneQuestions;
    readonly question: unknown;
  }
  | { readonly type: "notice"; readonly notice: LaneNotice }
  /** Answers a ping, once everything sent before it has been taken, and behind counts and figures. */
  | { readonly type: "pong"; readonly id: number }
  /** Of the relays that were told to drain: the last client has left. */
  | { readonly type: "idle"; readonly relay: RelayName }
  | {
    readonly type: "forwarder";
    readonly protocol: UdpProtocol;
    readonly message: FromForwarder<unknown>;
  }
  | { readonly type: "closed" };

/** The relays of a lane. */
export type RelayName = "rtmp" | "http";

/** To a lane. */
export type ToLane =
  | { readonly type: "open"; readonly init: LaneInit }
  | { readonly type: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly error: SentError }
  | { readonly type: "end_session"; readonly session: string; readonly reason: EndedBy }
  | { readonly type: "drain"; readonly relay: RelayName }
  | { readonly type: "kill"; readonly relay: RelayName }
  | { readonly type: "configure"; readonly variables: Readonly<Record<string, string>> }
  | { readonly type: "certify"; readonly tls: TlsKeys }
  | { readonly type: "trust"; readonly authorities: string | undefined }
  | { readonly type: "ping"; readonly id: number }
  | {
    readonly type: "forwarder";
    readonly protocol: UdpProtocol;
    readonly message: ToLaneForwarder;
  }
  | { readonly type: "close" };
