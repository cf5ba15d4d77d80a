// How clients that come over TCP instead of UDP (RFC 6544) and the forwarder of a lane get together.

import type { Datagram, UdpLink } from "../../net/udp/port.ts";
import type { ClientConnection } from "./media_sessions.ts";

/** What connections of clients need of the forwarder. */
export interface ConnectionForwarder {
  /** @returns the link that carries it to its origin; undefined when it is dropped */
  fromClient(datagram: Datagram, connection: ClientConnection): UdpLink | undefined;
  /** A client's connection is over. */
  left(connection: ClientConnection): void;
  /** So many datagrams of clients were too long to be passed on. */
  tooLong(count: number): void;
}

/** Whoever takes connections for a forwarder. */
export interface ClientConnections {
  /** The forwarder that gets what comes from now on. */
  attach(forwarder: ConnectionForwarder): void;
  /** It is no more. */
  stop(): void;
}
