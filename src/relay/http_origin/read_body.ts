// Reads the body of an origin's response whole, within bounds of length and time.

import { ProtocolError, ProxyError } from "../../core/errors.ts";
import { joinPieces } from "../../core/join_pieces.ts";
import { Deadline } from "../../net/deadline.ts";
import { BodyScanner } from "../../protocol/http/body_scanner.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import type { OriginConnection } from "./origin_pool.ts";

/**
 * Reads the whole body of a response.
 *
 * @param bounds `timeout` in milliseconds, `limit` in bytes
 * @throws ProxyError `origin_gone` when it ends early, is too long or broken, `origin_timeout`
 */
export async function readBody(
  link: OriginConnection,
  { bodyLength }: HttpResponse,
  { timeout, limit }: { readonly timeout: number; readonly limit: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { connection, inbox } = link;
  const pieces: Uint8Array[] = [];
  let length = 0;
  const scanner = new BodyScanner(bodyLength, (bytes) => {
    length += bytes.length;
    if (length > limit) throw new ProxyError("origin_gone", "Origin sends too long an answer");
    pieces.push(bytes.slice());
  });
  using deadline = new Deadline(timeout, () => connection.close());
  while (true) {
    if (inbox.length > 0) inbox.consume(pushBytes(scanner, inbox.bytes));
    if (scanner.done) break;
    inbox.adapt();
    if (await inbox.fill(connection)) continue;
    if (scanner.untilClose && !deadline.passed) break;
    throw deadline.passed
      ? new ProxyError("origin_timeout", "Origin does not answer")
      : new ProxyError("origin_gone", "Origin has closed the connection");
  }
  return joinPieces(pieces, length);
}

function pushBytes(scanner: BodyScanner, bytes: Uint8Array): number {
  try {
    return scanner.push(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProxyError("origin_gone", "Origin does not speak HTTP", { cause });
  }
}
