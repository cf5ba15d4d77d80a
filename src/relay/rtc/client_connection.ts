// The interfaces between clients over TCP instead of UDP (RFC 6544) and the forwarder of their
// lane.

import type { Datagram, UdpLink } from "../../net/udp/port.ts";
import type { ClientConnection } from "./media_path.ts";

/** What client connections need of the forwarder. */
export interface ConnectionForwarder {
  /** @returns the link to send the datagram to its origin with; undefined if it is dropped */
  fromClient(datagram: Datagram, connection: ClientConnection): UdpLink | undefined;
  /** A client's connection has ended. */
  left(connection: ClientConnection): void;
  /** Counts client datagrams that were too long to be passed on. */
  tooLong(count: number): void;
}

/** Accepts connections for a forwarder. */
export interface ClientConnections {
  /** Sets the forwarder that gets what clients send. */
  attach(forwarder: ConnectionForwarder): void;
  /** The forwarder has ended. */
  stop(): void;
}
