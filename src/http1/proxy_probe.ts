// Finds out whether a proxy like this one answers at an address, by how it identifies itself over
// HTTP.

import { formatAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import type { TcpEngine } from "../net/engine.ts";
import { Inbox } from "../net/inbox.ts";

/** Longest answer that is read, bytes; a proxy's is shorter. */
const LONGEST = 4096;

/**
 * Asks an address for its version, which origins and proxies tell.
 *
 * @param signature the name under which proxies answer
 * @param timeout milliseconds for all of it
 * @returns undefined when nothing answers there in time
 */
export async function isProxyAtHttp(
  engine: TcpEngine,
  address: Address,
  signature: string,
  timeout: number,
): Promise<boolean | undefined> {
  try {
    using connection = await engine.dial(address, { timeout });
    using deadline = connection.closeAfter(timeout);
    const inbox = new Inbox(LONGEST);
    const host = formatAddress(address);
    const head = `GET /api/v1/versions HTTP/1.0\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head));
    while (inbox.length < LONGEST && await inbox.more(connection));
    if (inbox.length === 0 && deadline.passed) return undefined;
    const text = new TextDecoder("latin1").decode(inbox.bytes.subarray(0, LONGEST));
    return text.includes(`"signature":${JSON.stringify(signature)}`);
  } catch (error) {
    if (error instanceof ProxyError) return undefined;
    throw error;
  }
}
