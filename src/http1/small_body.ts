// Bodies of requests that need none: some clients send an empty or a small one with GET. It is read
// to its end, so that no part of it can be taken for the next request, and discarded.

import { ProxyError } from "../core/errors.ts";
import { BodyScanner } from "../protocol/http/body_scanner.ts";
import type { HttpExchange } from "./exchange.ts";

/** Bytes that such a body may have, frames included. */
const MAX_BODY = 4096;

/**
 * Reads the body of a request and forgets it; the connection ends with the answer then, since others
 * may have seen a request in that body.
 *
 * @param timeout milliseconds for all of it
 * @throws ProxyError `too_large`, `client_gone`, ProtocolError when its chunks are broken
 */
export async function dropSmallBody(exchange: HttpExchange, timeout: number): Promise<void> {
  const { request: { bodyLength }, client } = exchange;
  if (bodyLength === 0) return;
  exchange.keepAlive = false;
  if (typeof bodyLength === "number" && bodyLength > MAX_BODY) throw tooLarge();
  const scanner = new BodyScanner(bodyLength);
  using _deadline = client.connection.closeAfter(timeout);
  for (let length = 0; !scanner.done;) {
    const count = scanner.push(client.inbox.bytes);
    client.inbox.consume(count);
    length += count;
    if (length > MAX_BODY) throw tooLarge();
    if (scanner.done || await client.more()) continue;
    throw new ProxyError("client_gone", "Client has left");
  }
}

function tooLarge(): ProxyError {
  return new ProxyError("too_large", `Cannot take more than ${MAX_BODY} bytes with this request`);
}
