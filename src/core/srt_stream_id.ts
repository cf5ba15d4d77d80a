// Parses an SRT StreamID into the stream and whether to publish: the standard syntax "#!::key=value,…"
// (draft-sharabayko-srt-01 appendix B), SRS's older "#!::h=host/app/stream", or the plain form
// "app/stream". Unknown keys belong to the query, as in SRS.

import { ProtocolError } from "./errors.ts";
import { type StreamKey, streamKeyFromRtmp } from "./stream_key.ts";

export interface SrtWish {
  readonly key: StreamKey;
  readonly intent: "publish" | "play";
}

/** Most bytes of a StreamID (draft-sharabayko-srt-01 section 3.2.1.3). */
export const MAX_STREAM_ID = 512;
const STANDARD = "#!::";
/** The app of a stream that names none. */
const DEFAULT_APP = "live";

/** The mode cannot be served: SRT_REJX_BAD_MODE. */
export class BadModeError extends ProtocolError {}

/**
 * Parses a StreamID.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const { key, intent } = parseStreamId("#!::r=live/show,m=publish");
 * assert.deepEqual([key.app, key.stream, intent], ["live", "show", "publish"]);
 * ```
 *
 * @throws BadModeError when `m` is neither "publish" nor "request"
 * @throws ProtocolError when it names no stream
 */
export function parseStreamId(text: string): SrtWish {
  if (!text.startsWith(STANDARD)) return { key: keyOf("", text, []), intent: "play" };
  const values = readPairs(text.slice(STANDARD.length));
  const { host, path } = splitHost(values.get("h") ?? "");
  const resource = values.get("r") ?? path;
  const rest = [...values].filter(([name]) => !OWN_KEYS.has(name));
  const query = rest.map(([name, value]) => `${name}=${value}`);
  return { key: keyOf(host, resource, query), intent: readMode(values.get("m")) };
}

const OWN_KEYS: ReadonlySet<string> = new Set(["h", "r", "m"]);

/**
 * Splits as SRS does: a query after a name adds keys, and every separator ends a name or a value, whether
 * it is `=` or not. Parsing it differently could confuse one stream with another.
 */
function readPairs(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const parts = text.split(/&&|[=,;&?]/);
  for (let at = 0; at < parts.length; at += 2) values.set(parts[at]!, parts[at + 1] ?? "");
  return values;
}

/** In the older style the stream follows the host, or there is no host at all. */
function splitHost(text: string): { host: string; path: string } {
  const [first = "", ...names] = text.split("/");
  if (names.length === 0) return { host: text, path: "" };
  return names.length === 1 ? { host: "", path: text } : { host: first, path: names.join("/") };
}

function readMode(mode = "request"): "publish" | "play" {
  const name = mode.toLowerCase();
  if (name === "publish") return "publish";
  if (name === "request") return "play";
  throw new BadModeError("Cannot serve this mode: it is neither publish nor request");
}

function keyOf(host: string, resource: string, query: readonly string[]): StreamKey {
  const [path = "", ...own] = resource.split("?");
  const names = path.split("/").filter((name) => name !== "");
  if (names.length === 0) throw new ProtocolError("Cannot find a stream name in the StreamID");
  const [app, ...rest] = names.length === 1 ? [DEFAULT_APP, ...names] : names;
  const stream = `${rest.join("/")}?${[...own, ...query].join("&")}`;
  return streamKeyFromRtmp({ tcUrl: `srt://${host}/${app}`, app: app!, stream });
}
