// Rewrites the links of an origin's playlist or manifest so that they lead through the proxy.

import { ProtocolError, ProxyError } from "../../core/errors.ts";
import { joinPieces } from "../../core/join_pieces.ts";
import { MANIFEST_BOUNDS, rewriteManifest } from "../../protocol/hls/dash.ts";
import type { LinkTarget } from "../../protocol/hls/link.ts";
import { PLAYLIST_BOUNDS, rewritePlaylist } from "../../protocol/hls/playlist.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";

/** What a client gets instead of the origin's body. */
export interface RewrittenBody {
  readonly body: Uint8Array;
  /** Whether the origin's body was compressed and `body` no longer is. */
  readonly decoded: boolean;
}

/** Most bytes of a playlist or manifest, compressed or not. */
export const MAX_LENGTH = Math.max(PLAYLIST_BOUNDS.length, MANIFEST_BOUNDS.length);
const DECODERS: Readonly<Record<string, CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
};

/**
 * Rewrites the links of a body. Returns it unchanged if it is not a playlist or manifest, or has a
 * content coding that cannot be decoded.
 *
 * @throws ProxyError `origin_gone` when it is too long after decoding
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
  return joinPieces(pieces, length);
}

function tooLong(): ProxyError {
  return new ProxyError("origin_gone", "Origin's playlist is too long");
}
