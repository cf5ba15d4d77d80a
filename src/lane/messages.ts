// The messages between a lane and the main thread: plain data, received in the order sent.

import type { OriginStatus } from "../core/registrar.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import type { Address } from "../core/address.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type { PackedFlows } from "../core/packed_flows.ts";
import type {
  EndedBy,
  JoiningViewer,
  PartRequest,
  PartServed,
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

/** 32-bit words of memory that a lane and the main thread share: messages sent to it, its thread's number. */
export const LANE_MAIL = 0;
export const LANE_THREAD = 1;

/** Which relays a lane runs, and where. */
export interface LaneListen {
  readonly rtmp: ListenAddress;
  /** Absent if the main thread runs the HTTP server. */
  readonly http: ListenAddress | undefined;
  /** Over TLS; absent where it is off. */
  readonly rtmps?: ListenAddress | undefined;
  readonly https?: ListenAddress | undefined;
  /** WebRTC over TCP: a port of its own, or one of the HTTP ports. */
  readonly rtcTcp?: ListenAddress | "http" | "https" | undefined;
  /** Whether other sockets listen there too. */
  readonly reusePort: boolean;
}

/** Where a lane listens. */
export interface LaneAddresses {
  readonly rtmp: Address;
  readonly http: Address | undefined;
  readonly rtmps: Address | undefined;
  readonly https: Address | undefined;
  /** Only if it is a port of its own. */
  readonly rtcTcp: Address | undefined;
}

/** Everything a lane needs to start. */
export interface LaneInit {
  /** Its number, from 1; the main thread is 0. */
  readonly lane: number;
  /** Its column in the tallies, which no other thread uses. */
  readonly column: number;
  readonly engine: TcpEngine["kind"];
  readonly listen: LaneListen;
  /** The lane parses its configuration from these. */
  readonly variables: Readonly<Record<string, string>>;
  /** What servers present to clients over TLS. */
  readonly tls?: TlsKeys | undefined;
  /** Authorities for origins' certificates, in PEM; the system's if absent. */
  readonly authorities?: string | undefined;
  /** Prefix of its session ids. */
  readonly idPrefix: string;
  /** The process's pseudonym in Via. */
  readonly pseudonym: string;
  /** Tallies over all lanes: connections of each listener, and memory of unidentified clients. */
  readonly rtmpConnections: TallyMemory;
  readonly httpConnections: TallyMemory;
  readonly rtcConnections: TallyMemory;
  readonly identifyMemory: TallyMemory;
  /** Memory of the registry's `ChangeCounts`. */
  readonly changes: SharedArrayBuffer;
  /** See `LANE_MAIL`. */
  readonly mail: SharedArrayBuffer;
  /** Memory of the lane's `DescriptorSet`. */
  readonly descriptors: SharedArrayBuffer;
  /** Memory of the lane's `OpenSslObjects`. */
  readonly openSslObjects: SharedArrayBuffer;
  /** An eventfd that signals mail, for the libc engine. */
  readonly wake?: number | undefined;
}

/** A request for a page or a file, answered by the main thread. It has no body. */
export interface PageRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** A WebRTC request, answered by the main thread. */
export interface SignalRequest extends PageRequest {
  /** Its number in this lane. */
  readonly call: number;
  /** The error if it could not be read; undefined if there is none. */
  readonly body: Uint8Array<ArrayBuffer> | SentError | undefined;
  readonly peer: Address;
}

export interface SignalAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** An answer whose body is fetched separately. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Number of the body, to be pulled piece by piece; undefined if there is none. */
  readonly body: number | undefined;
}

/** What a lane may ask, with the type of the answer. */
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

/** What a lane reports without expecting an answer. */
export type LaneNotice =
  /** A viewer is served from what the lane knows of its stream. */
  | { readonly type: "join"; readonly viewer: JoiningViewer }
  /** An origin serves a viewer. For publishers this is a question, since they wait for the answer. */
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
  /** Figures of the sessions where they have changed. */
  | { readonly type: "sessions_flowed"; readonly flows: PackedFlows<string> }
  | { readonly type: "parts_served"; readonly parts: readonly PartServed[] }
  | { readonly type: "metrics"; readonly metrics: SentMetrics }
  | { readonly type: "tls_failed"; readonly failure: TlsFailure }
  /** Bytes that origins have sent, for each session; reported when asked for. */
  | { readonly type: "received"; readonly sessions: readonly (readonly [string, number])[] }
  /** The client of a WebRTC request has left. */
  | { readonly type: "signal_left"; readonly call: number }
  /** The rest of a body is no longer wanted. */
  | { readonly type: "drop_body"; readonly body: number }
  | { readonly type: "error"; readonly error: SentError; readonly times: number };

/** Metrics of a lane since the last report. */
export interface SentMetrics {
  readonly counts: readonly Counted[];
  readonly gauges: readonly (readonly [name: string, value: number])[];
  readonly observed: readonly Observed[];
}

/** A counter and the amount to add. */
export interface Counted {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly by: number;
}

/** Tallies shared by all lanes for one protocol over UDP: see `SharedTallies`. */
export interface ForwarderTallies {
  readonly sessions: TallyMemory;
  readonly sockets: TallyMemory;
}

export type ToLaneForwarder =
  | {
    readonly type: "open";
    readonly opening: ForwarderOpening<object>;
    readonly tallies: ForwarderTallies;
  }
  | ToForwarder<object, unknown>;

/** Durations that fall into one bucket of a histogram. */
export interface Observed {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly times: number;
  /** Their mean. */
  readonly seconds: number;
}

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
  /** Answers a ping, after all earlier messages have been handled, with counts and gauges. */
  | { readonly type: "pong"; readonly id: number; readonly notices: readonly LaneNotice[] }
  /** The last client of a draining relay has left. */
  | { readonly type: "idle"; readonly relay: RelayName }
  | {
    readonly type: "forwarder";
    readonly protocol: UdpProtocol;
    readonly message: FromForwarder<unknown>;
  }
  | { readonly type: "closed" };

export type RelayName = "rtmp" | "http";

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
  /** `asksReceived`: whether to report the bytes that origins have sent before answering. */
  | { readonly type: "ping"; readonly id: number; readonly asksReceived: boolean }
  | {
    readonly type: "forwarder";
    readonly protocol: UdpProtocol;
    readonly message: ToLaneForwarder;
  }
  | { readonly type: "close" };
