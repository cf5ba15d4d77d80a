// A forwarder is the part of a UDP relay that runs in a lane and decides on each datagram; the
// relay itself runs in the main thread. Defines the plain-data messages between the two, and the
// interfaces that each needs.

import type { ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { ListenAddress } from "../../core/endpoint.ts";
import type { Tally } from "../../core/tally.ts";
import type { UdpDrops, UdpEngine, UdpRelay } from "../../net/udp/port.ts";
import type { UdpProtocol } from "./figures.ts";

/** Decides on datagrams, and takes commands from the relay. */
export interface Forwarder<Command> extends UdpRelay {
  command(command: Command): void;
  /** The last call, before the sockets are freed: sends what the peers must still be told. */
  end(): void;
}

/** Counts shared by the forwarders of a protocol in all lanes. */
export interface SharedTallies {
  /** Sessions, by client address. */
  readonly sessions: Tally;
  /** Additional sockets towards origins. */
  readonly sockets: Tally;
}

/** What a forwarder is made with; `report` sends a report to the main thread. */
export interface ForwarderParts<Init, Report> {
  /** Called at each use: a reload replaces what it returns. */
  init(): Init;
  readonly engine: UdpEngine;
  readonly tallies: SharedTallies;
  report(report: Report): void;
}

/** What to run. */
export interface ForwarderKind<Init> {
  readonly protocol: UdpProtocol;
  readonly listen: ListenAddress;
  /** Whether other processes listen on the same port. */
  readonly reusePort: boolean;
  /** How often the forwarder's `tick` is called, milliseconds. */
  readonly tick: number;
  /** Most sockets towards origins in each forwarder. */
  readonly maxLinks: number;
  /** Plain data for the forwarder. */
  readonly init: Init;
}

/** What to run, and on which socket: the forwarder's own, or one that the main thread has bound. */
export interface ForwarderOpening<Init> extends ForwarderKind<Init> {
  readonly front: number | undefined;
}

/** Messages to a forwarder. */
export type ToForwarder<Init, Command> =
  | { readonly type: "command"; readonly command: Command }
  /** Replaces the settings it was opened with. */
  | { readonly type: "configure"; readonly init: Init }
  | { readonly type: "close" };

/** Messages from a forwarder. */
export type FromForwarder<Report> =
  | { readonly type: "opened"; readonly address: Address; readonly buffers: UdpEngine["buffers"] }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "report"; readonly report: Report }
  /** What was lost since the last message; sent every second if there was anything. */
  | { readonly type: "lost"; readonly drops: UdpDrops }
  | { readonly type: "closed" };

/** What the relay is told about its forwarders. */
export interface ForwarderEvents<Report> {
  /** @param lane the number of its lane */
  report(lane: number, report: Report): void;
  lost(drops: UdpDrops): void;
  /** A lane has ended, and with it everything its forwarder had. */
  gone(lane: number): void;
}

/** The forwarders of one relay, in all lanes. */
export interface Forwarders<Init, Command> {
  /** The address their sockets are bound to. */
  readonly address: Address;
  /** How datagrams are moved, and the sizes of each socket's buffers in bytes; 0 = unknown. */
  readonly engine: Pick<UdpEngine, "kind" | "buffers">;
  /**
   * Sends a command to the forwarder of a lane; commands arrive in order. @returns false if the
   * lane has ended
   */
  send(lane: number, command: Command): boolean;
  sendAll(command: Command): void;
  /** Replaces the settings of all forwarders, including those opened later. */
  configure(init: Init): void;
  /**
   * Lets them tell their peers, and frees the port. Their last reports are delivered before it
   * resolves.
   */
  close(): Promise<void>;
}

/** Where forwarders run. */
export interface ForwarderHost {
  /** Most forwarders of one relay. */
  readonly count: number;
  /** @throws ProxyError `internal` when the port cannot be bound */
  openForwarders<Init extends object, Command, Report>(
    kind: ForwarderKind<Init>,
    events: ForwarderEvents<Report>,
  ): Promise<Forwarders<Init, Command>>;
}
