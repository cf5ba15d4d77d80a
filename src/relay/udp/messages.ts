// What every relay over UDP and its forwarders say to each other; each adds what its protocol needs. `Key`
// is how the two know a session, `Reason` why one ends.

import type { PackedFlows } from "../../core/packed_flows.ts";
import type { MovedFigures, UdpProtocol } from "./figures.ts";

/** To a forwarder. */
export type SessionCommand<Key, Reason> =
  /** The session is to be ended in order. */
  | { readonly type: "close"; readonly key: Key; readonly reason: Reason }
  /** Nobody new is to be taken. */
  | { readonly type: "drain" }
  /** What origins have sent for these sessions is to be told. */
  | { readonly type: "count"; readonly id: number; readonly keys: readonly Key[] };

/** How a session has ended. */
export interface SessionEnd<Key, Reason> {
  readonly type: "ended";
  readonly key: Key;
  readonly reason: Reason;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The answer to `count`: bytes, of those sessions that there are. */
export interface SessionCounts<Key> {
  readonly type: "counted";
  readonly id: number;
  readonly received: readonly (readonly [Key, number])[];
}

/** From it. */
export type SessionReport<Key, P extends UdpProtocol, Reason> =
  | SessionEnd<Key, Reason>
  | SessionCounts<Key>
  /** In those sessions in which something has. */
  | { readonly type: "flowed"; readonly flows: PackedFlows<Key> }
  /** Since the last one. */
  | ({ readonly type: "moved" } & MovedFigures<P>);
