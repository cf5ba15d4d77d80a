// Opens a TCP connection within a time limit. Knows no protocol.

import { ProxyError } from "../core/errors.ts";
import { isOutOfResources } from "./close_errors.ts";
import type { Address } from "../core/origin.ts";
import { TcpConnection } from "./tcp_connection.ts";

/**
 * Connects to an address.
 *
 * @param timeout milliseconds until it is given up
 * @param gone aborted when whoever the connection is for has left
 * @throws ProxyError `origin_timeout` after that, `origin_unreachable` when refused, `client_gone`,
 * `overloaded` when this machine has nothing left to connect with, which says nothing of the origin;
 * the cause names the address, the message does not
 */
export async function dial(
  address: Address,
  timeout: number,
  gone?: AbortSignal,
): Promise<TcpConnection> {
  const late = AbortSignal.timeout(timeout);
  const signal = gone === undefined ? late : AbortSignal.any([late, gone]);
  try {
    const { host: hostname, port } = address;
    return new TcpConnection(await Deno.connect({ hostname, port, signal }), address);
  } catch (cause) {
    if (gone?.aborted) throw new ProxyError("client_gone", "Client has left");
    if (late.aborted) throw new ProxyError("origin_timeout", "Origin does not answer", { cause });
    if (isOutOfResources(cause)) {
      throw new ProxyError("overloaded", "Cannot open another connection now", { cause });
    }
    throw new ProxyError("origin_unreachable", "Origin refuses the connection", { cause });
  }
}
