// Finds out whether a proxy like this one answers at an address, by the first bytes of an RTMP
// handshake.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { TcpEngine } from "../../net/engine.ts";
import { Inbox } from "../../net/inbox.ts";
import { HANDSHAKE_GREETING } from "../../protocol/rtmp/handshake.ts";
import { isMarked, ORIGIN_GREETING } from "./greeting.ts";

/**
 * Dials an address as if it were an origin.
 *
 * @param timeout milliseconds for all of it
 * @returns undefined when nothing answers there in time
 */
export async function isProxyAtRtmp(
  engine: TcpEngine,
  address: Address,
  timeout: number,
): Promise<boolean | undefined> {
  try {
    using connection = await engine.dial(address, { timeout });
    using _deadline = connection.closeAfter(timeout);
    const inbox = new Inbox();
    await connection.write(ORIGIN_GREETING);
    if (!await inbox.require(connection, HANDSHAKE_GREETING)) return undefined;
    return isMarked(inbox.bytes);
  } catch (error) {
    if (error instanceof ProxyError) return undefined;
    throw error;
  }
}
