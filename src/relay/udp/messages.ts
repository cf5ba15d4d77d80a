// The messages between every UDP relay and its forwarders; each protocol adds its own. `Key`
// identifies a session, `Reason` says why one ends.

import type { PackedFlows } from "../../core/packed_flows.ts";
import type { MovedFigures, UdpProtocol } from "./figures.ts";

/** Commands to a forwarder. */
export type SessionCommand<Key, Reason> =
  /** End the session properly. */
  | { readonly type: "close"; readonly key: Key; readonly reason: Reason }
  /** Accept no new sessions. */
  | { readonly type: "drain" }
  /** Report how many bytes origins have sent for these sessions. */
  | { readonly type: "count"; readonly id: number; readonly keys: readonly Key[] };

/** How a session has ended. */
export interface SessionEnd<Key, Reason> {
  readonly type: "ended";
  readonly key: Key;
  readonly reason: Reason;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The answer to `count`: bytes of those sessions that exist. */
export interface ReceivedCounts<Key> {
  readonly type: "counted";
  readonly id: number;
  readonly received: readonly (readonly [Key, number])[];
}

/** Reports from a forwarder. */
export type SessionReport<Key, P extends UdpProtocol, Reason> =
  | SessionEnd<Key, Reason>
  | ReceivedCounts<Key>
  /** For sessions in which something has flowed. */
  | { readonly type: "flowed"; readonly flows: PackedFlows<Key> }
  /** Counted since the last such report. */
  | ({ readonly type: "moved" } & MovedFigures<P>);
