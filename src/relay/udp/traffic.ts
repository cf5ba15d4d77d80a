// Counts what a forwarder moves, for each session and in total, and reports it to the main thread
// about once a second. Costs a few additions per datagram.

import type { FlowMeter } from "../../core/flow_meter.ts";
import { packFlows } from "../../core/packed_flows.ts";
import { type DropReason, nothingDropped, type UdpProtocol } from "./figures.ts";
import type { SessionReport } from "./messages.ts";

/** How often sessions are looked through, milliseconds. */
const SWEEP = 1_000;

/** What was moved in a session. */
interface Flow {
  bytesIn: number;
  bytesOut: number;
  readonly meter: FlowMeter;
}

export class Traffic<Key, P extends UdpProtocol, Reason> {
  readonly #protocol: P;
  readonly #report: (report: SessionReport<Key, P, Reason>) => void;
  #drops: Record<DropReason<P>, number>;
  #fromClients = { packets: 0, bytes: 0 };
  #fromOrigins = { packets: 0, bytes: 0 };
  #nextSweep = 0;
  /** Sessions in which something has flowed since the last report. */
  #flowing: { readonly keys: Key[]; readonly meters: FlowMeter[] } = { keys: [], meters: [] };

  constructor(protocol: P, report: (report: SessionReport<Key, P, Reason>) => void) {
    this.#protocol = protocol;
    this.#drops = nothingDropped(protocol);
    this.#report = report;
  }

  /** Counts a datagram to the session's origin. */
  fromClient(session: Flow, bytes: number): void {
    session.bytesIn += bytes;
    this.#fromClients.packets++;
    this.#fromClients.bytes += bytes;
  }

  /** Counts a datagram to the session's client. */
  fromOrigin(session: Flow, bytes: number): void {
    session.bytesOut += bytes;
    this.#fromOrigins.packets++;
    this.#fromOrigins.bytes += bytes;
  }

  drop(reason: DropReason<P>, count = 1): undefined {
    this.#drops[reason] += count;
    return undefined;
  }

  /** Reports the end of a session. */
  ended(key: Key, { bytesIn, bytesOut }: Pick<Flow, "bytesIn" | "bytesOut">, reason: Reason): void {
    this.#report({ type: "ended", key, reason, bytesIn, bytesOut });
  }

  /** Answers `count`: the bytes that origins have sent. @param find finds a session by its key */
  count(
    { id, keys }: { readonly id: number; readonly keys: readonly Key[] },
    find: (key: Key) => Flow | undefined,
  ): void {
    const received = keys.flatMap((key) => {
      const session = find(key);
      return session === undefined ? [] : [[key, session.bytesOut] as const];
    });
    this.#report({ type: "counted", id, received });
  }

  /** Measures what has flowed in a session; to be called for each session in a sweep. */
  look(key: Key, { bytesIn, bytesOut, meter }: Flow, now: number): void {
    if (!meter.look(now, bytesIn, bytesOut)) return;
    this.#flowing.keys.push(key);
    this.#flowing.meters.push(meter);
  }

  /** Calls `look` to look through all sessions when it is time, and reports what was moved. */
  sweep(now: number, look: () => void): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + SWEEP;
    look();
    this.#tellFlowed();
    this.report();
  }

  /** Reports what was moved since the last time, if anything. */
  report(): void {
    const fromClients = this.#fromClients;
    const fromOrigins = this.#fromOrigins;
    const isIdle = fromClients.packets + fromOrigins.packets === 0;
    if (isIdle && Object.values<number>(this.#drops).every((count) => count === 0)) return;
    this.#report({ type: "moved", fromClients, fromOrigins, drops: this.#drops });
    this.#fromClients = { packets: 0, bytes: 0 };
    this.#fromOrigins = { packets: 0, bytes: 0 };
    this.#drops = nothingDropped(this.#protocol);
  }

  #tellFlowed(): void {
    const { keys, meters } = this.#flowing;
    if (keys.length === 0) return;
    this.#report({ type: "flowed", flows: packFlows(keys, meters) });
    this.#flowing = { keys: [], meters: [] };
  }
}
