// Reads the whole body of an origin's response, within limits on length and time.

import { blameOrigin, ProxyError } from "../core/errors.ts";
import { GrowingBytes } from "../core/growing_bytes.ts";
import type { Memory } from "../core/memory.ts";
import { BodyScanner } from "../protocol/http/body_scanner.ts";
import type { HttpResponse } from "../protocol/http/response.ts";
import { NO_HTTP, type OriginConnection } from "./origin_pool.ts";

/** How long a body may take, in milliseconds, and how long it may be, in bytes. */
export interface AnswerBounds {
  readonly timeout: number;
  readonly limit: number;
  /** The budget that its memory is charged to; `readBody` does not release it. */
  readonly memory?: Memory | undefined;
}

/**
 * Reads the whole body of a response.
 *
 * @throws ProxyError `origin_gone` when it ends early, is too long or malformed; `origin_timeout`;
 * what the memory throws
 */
export async function readBody(
  link: OriginConnection,
  { bodyLength }: HttpResponse,
  { timeout, limit, memory }: AnswerBounds,
): Promise<Uint8Array<ArrayBuffer>> {
  const { connection, inbox } = link;
  const body = new GrowingBytes(limit, memory);
  const scanner = new BodyScanner(bodyLength, (bytes) => {
    if (body.length + bytes.length > limit) {
      throw new ProxyError("origin_gone", "Origin's answer is too long");
    }
    body.append(bytes);
  });
  using deadline = connection.closeAfter(timeout);
  while (true) {
    if (inbox.length > 0) inbox.consume(blameOrigin(NO_HTTP, () => scanner.push(inbox.bytes)));
    if (scanner.done) break;
    inbox.adapt();
    if (await inbox.fill(connection)) continue;
    if (scanner.untilClose && !deadline.passed) break;
    throw deadline.passed
      ? new ProxyError("origin_timeout", "Origin does not answer")
      : new ProxyError("origin_gone", "Origin has closed the connection");
  }
  return body.bytes;
}
