// Finds out who a connection is from where a load balancer may stand in front: reads the PROXY header
// before anybody else uses the connection. Knows no protocol of clients.

import { type Cidr, cidrContains } from "../core/cidr.ts";
import { ProtocolError } from "../core/errors.ts";
import { MOST_OF_HEADER, parseProxyHeader } from "./proxy_header.ts";
import type { Deadline } from "./deadline.ts";
import type { Connection } from "./engine.ts";

export interface Balancers {
  /** Whether they send a header: never, optionally, or always (a connection without one is refused). */
  readonly header: "off" | "optional" | "required";
  /** Whose headers count. */
  readonly trusted: readonly Cidr[];
}

/** Why a connection is closed before it is served. */
export type HeaderRefusal = "proxy_header" | "proxy_untrusted";

/** Where the ignored part of a header is read to. */
const THROWN_AWAY = new Uint8Array(4096);

/**
 * Reads the header and sets the connection's peer to the client that it names. What follows it, or
 * what came in its place, will be read next.
 *
 * @param deadline closes the connection when the header takes too long
 * @returns why the connection must be closed; `gone` when its peer has left without doing anything wrong
 */
export async function readAnnouncedPeer(
  connection: Connection,
  { header, trusted }: Balancers,
  deadline: Pick<Deadline, "passed">,
): Promise<HeaderRefusal | "gone" | undefined> {
  const isTrusted = trusted.some((cidr) => cidrContains(cidr, connection.peer.host));
  if (!isTrusted && header === "required") return "proxy_untrusted";
  const bytes = new Uint8Array(MOST_OF_HEADER);
  let length = 0;
  try {
    while (true) {
      const found = parseProxyHeader(bytes.subarray(0, length));
      if (found === "none") {
        if (header === "required") return "proxy_header";
        connection.unread(bytes.subarray(0, length));
        return undefined;
      }
      if (found !== "more") {
        if (!isTrusted) return "proxy_untrusted";
        const isWhole = await skip(connection, bytes.subarray(0, length), found.length);
        if (isWhole && found.client !== undefined) connection.peer = found.client;
        return isWhole ? undefined : "proxy_header";
      }
      const count = await connection.read(bytes.subarray(length));
      if (count === null) return length > 0 || deadline.passed ? "proxy_header" : "gone";
      length += count;
    }
  } catch (error) {
    if (error instanceof ProtocolError) return isTrusted ? "proxy_header" : "proxy_untrusted";
    throw error;
  }
}

/** @param read what has come so far, part of the header or more. @returns whether the whole header came */
async function skip(connection: Connection, read: Uint8Array, length: number): Promise<boolean> {
  if (read.length >= length) {
    connection.unread(read.subarray(length));
    return true;
  }
  for (let left = length - read.length; left > 0;) {
    const count = await connection.read(THROWN_AWAY.subarray(0, left));
    if (count === null) return false;
    left -= count;
  }
  return true;
}
