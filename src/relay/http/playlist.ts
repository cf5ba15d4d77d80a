// Reads a playlist or manifest of an origin whole and makes its links lead through the proxy.

import { ProtocolError, ProxyError } from "../../core/errors.ts";
import { Deadline } from "../../net/deadline.ts";
import { MANIFEST_BOUNDS, rewriteManifest } from "../../protocol/hls/dash.ts";
import type { LinkTarget } from "../../protocol/hls/link.ts";
import { PLAYLIST_BOUNDS, rewritePlaylist } from "../../protocol/hls/playlist.ts";
import { BodyScanner } from "../../protocol/http/body_scanner.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import type { OriginConnection } from "./origin_pool.ts";

/** What a client gets in place of the origin's body. */
export interface RewrittenBody {
  readonly body: Uint8Array;
  /** Whether `body` is no longer compressed although the origin's was. */
  readonly decoded: boolean;
}

const MAX_LENGTH = Math.max(PLAYLIST_BOUNDS.length, MANIFEST_BOUNDS.length);
const DECODERS: Readonly<Record<string, CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
};

/**
 * Reads the whole body of a response.
 *
 * @param timeout milliseconds
 * @throws ProxyError `origin_gone` when it ends early, is too long or broken, `origin_timeout`
 */
export async function readBody(
  link: OriginConnection,
  { bodyLength }: HttpResponse,
  timeout: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { connection, inbox } = link;
  const pieces: Uint8Array[] = [];
  let length = 0;
  const scanner = new BodyScanner(bodyLength, (bytes) => {
    length += bytes.length;
    if (length > MAX_LENGTH) throw tooLong();
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
  return join(pieces, length);
}

function pushBytes(scanner: BodyScanner, bytes: Uint8Array): number {
  try {
    return scanner.push(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProxyError("origin_gone", "Origin does not speak HTTP", { cause });
  }
}

/**
 * The body with its links rewritten; as it is when it is none of what its name says, or is encoded
 * in a way that cannot be undone.
 *
 * @throws ProxyError `origin_gone` when it is too long once decoded
 */
export async function rewriteBody(
  body: Uint8Array<ArrayBuffer>,
  response: HttpResponse,
  { kind, target }: { readonly kind: "hls" | "dash"; readonly target: LinkTarget },
): Promise<RewrittenBody> {
  const codings = response.fields.tokens("content-encoding").filter((one) => one !== "identity");
  const format = DECODERS[codings[0] ?? ""];
  if (codings.length > 1 || (codings.length === 1 && format === undefined)) {
    return { body, decoded: false };
  }
  try {
    const plain = format === undefined ? body : await decode(body, format);
    const rewritten = kind === "hls"
      ? rewritePlaylist(plain, target)
      : rewriteManifest(plain, target);
    return { body: rewritten, decoded: format !== undefined };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof TypeError) {
      return { body, decoded: false };
    }
    throw error;
  }
}

async function decode(
  body: Uint8Array<ArrayBuffer>,
  format: CompressionFormat,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const decoded = new Blob([body]).stream().pipeThrough(new DecompressionStream(format));
  for await (const piece of decoded) {
    length += piece.length;
    if (length > MAX_LENGTH) throw tooLong();
    pieces.push(piece);
  }
  return join(pieces, length);
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function tooLong(): ProxyError {
  return new ProxyError("origin_gone", "Origin sends a playlist that is too long");
}
