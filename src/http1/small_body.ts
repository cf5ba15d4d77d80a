// Bodies of requests that need none: some clients send an empty or small body with GET. It is read
// to its end and discarded, so that no part of it can be taken for the next request.

import { ProxyError } from "../core/errors.ts";
import { BodyScanner } from "../protocol/http/body_scanner.ts";
import type { HttpExchange } from "./exchange.ts";

/** Longest such body, bytes, framing included. */
const MAX_BODY = 4096;

/**
 * Reads and discards the body of a request. The connection then closes after the answer, because
 * other servers may have taken that body for a request.
 *
 * @param timeout milliseconds for all of it
 * @throws ProxyError `too_large`, `client_gone`; ProtocolError when its chunks are malformed
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
  return new ProxyError("too_large", `Cannot accept more than ${MAX_BODY} bytes with this request`);
}
