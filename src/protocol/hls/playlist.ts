// Rewrites HLS playlists (RFC 8216 and its second edition), so that every request made from them
// leads through the proxy and names the stream's origin with `spbhid`. Works on undecoded bytes:
// line ends, a byte order mark, comments and unknown tags stay unchanged. Knows nothing about HTTP
// or compression.
//
// The playlists in a master playlist get the parameter like segments do. SRS answers a first
// request with a master playlist whose only entry is `/live/show.m3u8?hls_ctx=…`, a session that
// only this origin knows; nginx-rtmp lists `show_low.m3u8`, whose path looks like a different
// stream. Segments are `show-7.ts`, `show/init.mp4`, `show-7.m4s` (SRS; configurable) or
// `show/7.ts` (nginx-rtmp, nested), so paths do not reliably name the stream. Queries are kept: SRS
// puts `hls_ctx` on segments too, and hls_key_url may carry a token.
//
// Asset links of EXT-X-DATERANGE (advertisements) and links that begin with a variable of
// EXT-X-DEFINE are left unchanged.

import { ProtocolError } from "../../core/errors.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { type LinkTarget, rewriteLink } from "./link.ts";

/** Limits for rewriting, in bytes. A day of two-second segments fits easily. */
export const PLAYLIST_BOUNDS = {
  length: 4 << 20,
  lines: 200_000,
  lineLength: 64 << 10,
  result: 32 << 20,
} as const;

const FIRST_LINE = /^(?:\xef\xbb\xbf)?#EXTM3U(?:[ \t\r\n]|$)/;

/** The attribute that holds a link, by tag. */
const LINK_ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["#EXT-X-MEDIA", "URI"],
  ["#EXT-X-I-FRAME-STREAM-INF", "URI"],
  ["#EXT-X-IMAGE-STREAM-INF", "URI"],
  ["#EXT-X-SESSION-DATA", "URI"],
  ["#EXT-X-SESSION-KEY", "URI"],
  ["#EXT-X-CONTENT-STEERING", "SERVER-URI"],
  ["#EXT-X-KEY", "URI"],
  ["#EXT-X-MAP", "URI"],
  ["#EXT-X-PART", "URI"],
  ["#EXT-X-PRELOAD-HINT", "URI"],
  ["#EXT-X-RENDITION-REPORT", "URI"],
]);

/** One attribute with its comma and surrounding white space; RFC 8216, 4.2. */
const ATTRIBUTE = /[ \t]*([A-Za-z0-9-]+)=(?:"([^"]*)"[ \t]*|[^",]*)(?:,|$)/y;

/**
 * Rewrites a playlist's links; see `rewriteLink` for which and how.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const playlist = "#EXTM3U\n#EXTINF:2,\nshow-7.ts\n#EXTINF:2,\nhttps://cdn.example/8.ts\n";
 * const target = { spbhid: "x", clientHost: "proxy.example", originAddresses: [] };
 * const rewritten = rewritePlaylist(new TextEncoder().encode(playlist), target);
 * assert.equal(
 *   new TextDecoder().decode(rewritten),
 *   "#EXTM3U\n#EXTINF:2,\nshow-7.ts?spbhid=x\n#EXTINF:2,\nhttps://cdn.example/8.ts\n",
 * );
 * ```
 *
 * @throws ProtocolError when it is not a playlist or exceeds the limits; pass it on unchanged then
 */
export function rewritePlaylist(
  playlist: Uint8Array,
  target: LinkTarget,
): Uint8Array<ArrayBuffer> {
  requireWithin("length", playlist.length);
  const text = textOfBytes(playlist);
  if (!FIRST_LINE.test(text)) {
    throw new ProtocolError("Cannot read a playlist: its first line is not #EXTM3U");
  }
  const lines = text.split("\n");
  requireWithin("lines", lines.length);
  let result = 0;
  for (const [index, line] of lines.entries()) {
    requireWithin("lineLength", line.length);
    // The first line may begin with a byte order mark, which does not make it a link.
    const rewritten = index === 0 ? line : rewriteLine(line, target);
    result += rewritten.length + 1;
    requireWithin("result", result);
    lines[index] = rewritten;
  }
  return bytesOfText(lines.join("\n"));
}

function requireWithin(bound: keyof typeof PLAYLIST_BOUNDS, value: number): void {
  if (value <= PLAYLIST_BOUNDS[bound]) return;
  throw new ProtocolError(
    `Cannot rewrite a playlist with ${bound} over ${PLAYLIST_BOUNDS[bound]}: ` +
      `current value is ${value}`,
  );
}

function rewriteLine(line: string, target: LinkTarget): string {
  if (!line.startsWith("#")) return rewriteUnlessVariable(line, target);
  const colon = line.indexOf(":");
  const attribute = colon < 0 ? undefined : LINK_ATTRIBUTES.get(line.slice(0, colon));
  return attribute === undefined ? line : rewriteAttribute(line, colon + 1, { attribute, target });
}

/**
 * Rewrites the first attribute of that name; everything from a malformed attribute on is left
 * unchanged.
 */
function rewriteAttribute(
  line: string,
  start: number,
  { attribute, target }: { attribute: string; target: LinkTarget },
): string {
  const list = line.endsWith("\r") ? line.slice(0, -1) : line;
  ATTRIBUTE.lastIndex = start;
  while (ATTRIBUTE.lastIndex < list.length) {
    const from = ATTRIBUTE.lastIndex;
    const [all, name, value] = ATTRIBUTE.exec(list) ?? [];
    if (all === undefined) return line;
    if (name !== attribute || value === undefined) continue;
    const valueAt = from + all.indexOf('"') + 1;
    const link = rewriteUnlessVariable(value, target);
    return line.slice(0, valueAt) + link + line.slice(valueAt + value.length);
  }
  return line;
}

function rewriteUnlessVariable(link: string, target: LinkTarget): string {
  return link.startsWith("{$") ? link : rewriteLink(link, target);
}
