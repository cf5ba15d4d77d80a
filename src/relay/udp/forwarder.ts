// A forwarder is the part of a relay over UDP that lives in a lane and decides on each datagram; the
// relay itself is in the main thread. Here is what the two say to each other, as plain data, and what
// each expects of its surroundings.

import type { ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { ListenAddress } from "../../core/endpoint.ts";
import type { Tally } from "../../core/tally.ts";
import type { UdpDrops, UdpEngine, UdpRelay } from "../../net/udp/port.ts";
import type { UdpProtocol } from "./figures.ts";

/** Decides on datagrams, and takes commands. */
export interface Forwarder<Command> extends UdpRelay {
  command(command: Command): void;
  /** The last call, before the sockets are freed: for what the peers must still be told. */
  end(): void;
}

/** What the forwarders of a protocol have together, whichever lane they are in. */
export interface SharedTallies {
  /** Sessions, by the addresses of their clients. */
  readonly sessions: Tally;
  /** Sockets towards origins that not every session has. */
  readonly sockets: Tally;
}

/** What a forwarder is made of; `report` sends something to the main thread. */
export interface ForwarderParts<Init, Report> {
  /** Changes when the main thread says so: read it at every use. */
  readonly init: Init;
  readonly engine: UdpEngine;
  readonly tallies: SharedTallies;
  report(report: Report): void;
}

/** What is to run. */
export interface ForwarderKind<Init> {
  readonly protocol: UdpProtocol;
  readonly listen: ListenAddress;
  /** Whether other processes listen there too. */
  readonly reusePort: boolean;
  /** How often the forwarder looks at its clock, milliseconds. */
  readonly tick: number;
  /** Sockets towards origins that each may have. */
  readonly maxLinks: number;
  /** Plain data for the forwarder. */
  readonly init: Init;
}

/** Which socket a forwarder has: of its own, or one that the main thread has bound. */
export interface ForwarderOpening<Init> extends ForwarderKind<Init> {
  readonly front: number | undefined;
}

/** To a forwarder. */
export type ToForwarder<Init, Command> =
  | { readonly type: "command"; readonly command: Command }
  /** Takes the place of what it was opened with. */
  | { readonly type: "configure"; readonly init: Init }
  | { readonly type: "close" };

/** From one. */
export type FromForwarder<Report> =
  | { readonly type: "opened"; readonly address: Address; readonly buffers: UdpEngine["buffers"] }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "report"; readonly report: Report }
  /** What was lost since the last time; sent every second if there was anything. */
  | { readonly type: "lost"; readonly drops: UdpDrops }
  | { readonly type: "closed" };

/** What the relay is told. */
export interface ForwarderEvents<Report> {
  /** @param lane the number of its lane */
  report(lane: number, report: Report): void;
  lost(drops: UdpDrops): void;
  /** A lane is no more, and whatever its forwarder had. */
  gone(lane: number): void;
}

/** The forwarders of a relay in all lanes. */
export interface Forwarders<Init, Command> {
  /** What their sockets are bound to. */
  readonly address: Address;
  /** How datagrams are moved, and the sizes of each socket's buffers in bytes; 0 = unknown. */
  readonly engine: Pick<UdpEngine, "kind" | "buffers">;
  /** Gives one a command, in the order of the calls. @returns false when that lane is no more */
  send(lane: number, command: Command): boolean;
  sendAll(command: Command): void;
  /** Gives them other settings than they were opened with, those included that are opened later. */
  configure(init: Init): void;
  /** Has them say goodbye, and frees the port. What they report in the end is told before. */
  close(): Promise<void>;
}

/** Where forwarders run. */
export interface ForwarderHost {
  /** How many run there at most. */
  readonly count: number;
  /** @throws ProxyError `internal` when the port cannot be bound */
  openForwarders<Init extends object, Command, Report>(
    kind: ForwarderKind<Init>,
    events: ForwarderEvents<Report>,
  ): Promise<Forwarders<Init, Command>>;
}
