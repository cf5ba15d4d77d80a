// Finds the streams that a path may belong to, by templates and by names, and whether a path
// belongs to a given stream. What SRS serves besides media on the same port belongs to no stream.
// Pure.

import { ProxyError } from "../../core/errors.ts";
import { decodePercent } from "../../core/percent_encoding.ts";
import { type StreamKey, streamKeyFromHttp } from "../../core/stream_key.ts";
import { matchPath, namesOf, type PathTemplate } from "../../core/path_template.ts";

/** The target of a request that may be for media. */
export interface MediaPath {
  readonly host: string;
  /** As sent, percent-encoded. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
}

const EXTENSION = /\.([a-z0-9]{1,8})$/i;
const PLAYLISTS: ReadonlySet<string> = new Set(["m3u8", "mpd"]);
/** Extensions of files that players fetch because a playlist or manifest names them. */
const PARTS: ReadonlySet<string> = new Set([
  ...["ts", "m2ts", "mp4", "m4s", "m4v", "m4a", "m4f", "cmfv", "cmfa", "cmft", "mp3", "aac", "ac3"],
  ...["ec3", "vtt", "webvtt", "ttml", "srt", "key", "jpg", "jpeg", "png", "webp", "json", "bin"],
]);
/** SRS's own services, which may share the port of its streams. */
const SERVICES = /^\/+(?:api\/+v\d|rtc\/+v\d|console)(?:\/|$)/i;

/** The extension of a path in lower case, without the dot; empty if there is none. */
export function extensionOf(path: string): string {
  return EXTENSION.exec(path.slice(-16))?.[1]?.toLowerCase() ?? "";
}

/** Whether an origin may serve something other than media at that path. */
export function isServicePath(path: string): boolean {
  return SERVICES.test(decodePercent(path));
}

/** Whether files with that extension are segments or parts named by a playlist or manifest. */
export function isPartExtension(extension: string): boolean {
  return PARTS.has(extension);
}

/** Whether files with that extension are playlists or manifests. */
function isPlaylistExtension(extension: string): boolean {
  return PLAYLISTS.has(extension);
}

/**
 * The streams that a path may belong to by the configured templates, the likeliest first.
 *
 * @param templates those for other extensions are ignored
 */
export function streamsByTemplate(
  where: MediaPath,
  templates: readonly PathTemplate[],
): StreamKey[] {
  const names = namesOf(where.path);
  if (names === undefined) return [];
  const extension = extensionOf(where.path);
  return distinct(
    templates.filter(({ text, hasStream }) => hasStream && extensionOf(text) === extension)
      .map((template) => matchPath(template, names))
      .map((found) => found && keyOf(where, found)),
  );
}

/**
 * The streams that a path may belong to by common naming: its folder, and its name without a
 * trailing number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const found = streamsByName({ host: "tv.example", path: "/live/show-7.ts", query: "" });
 * assert.equal(found[0]?.stream, "show");
 * ```
 */
export function streamsByName(where: MediaPath): StreamKey[] {
  const names = namesOf(where.path) ?? [];
  const [file = "", ...folders] = names.toReversed();
  const { name = "" } = /^(?<name>.+)[-_.]\d+\.[a-z0-9]+$/i.exec(file)?.groups ?? {};
  const app = folders.toReversed().join("/");
  const [folder = "", ...above] = folders;
  return distinct([
    name === "" || app === "" ? undefined : keyOf(where, { app, stream: name }),
    above.length === 0
      ? undefined
      : keyOf(where, { app: above.toReversed().join("/"), stream: folder }),
  ]);
}

/**
 * Whether a path belongs to the stream: by a template, or because it names the app and after it the
 * stream, possibly with a suffix: `live/show_low.m3u8`, `live/2026/show/init.mp4`.
 */
export function isPathOf(
  stream: StreamKey,
  where: MediaPath,
  templates: readonly PathTemplate[],
): boolean {
  const extension = extensionOf(where.path);
  const names = namesOf(where.path);
  const isMedia = isPartExtension(extension) || isPlaylistExtension(extension);
  if (names === undefined || !isMedia || isServicePath(where.path)) return false;
  const shared = templates.filter(({ hasStream }) => !hasStream);
  if (shared.some((template) => matchPath(template, names) !== undefined)) return true;
  const isSame = ({ app, stream: name }: StreamKey) => app === stream.app && name === stream.stream;
  return streamsByTemplate(where, templates).some(isSame) || namesStream(names, stream);
}

function namesStream(written: readonly string[], { app, stream }: StreamKey): boolean {
  const names = written.map(decodePercent);
  const apps = app === DEFAULT_APP ? [] : app.split("/");
  const beginsWithStream = (name: string) =>
    name.startsWith(stream) && !LETTER.test(name.slice(stream.length));
  return names.some((_, at) => {
    const isApp = apps.every((one, index) => names[at + index] === one);
    return isApp && names.slice(at + apps.length).some(beginsWithStream);
  });
}

const DEFAULT_APP = "__defaultApp__";
const LETTER = /^[\p{L}\p{N}]/u;

function keyOf(
  { host, query }: MediaPath,
  names: { readonly vhost?: string; readonly app: string; readonly stream: string },
): StreamKey | undefined {
  try {
    // The appended extension is stripped again, so that a name that ends like one keeps its own.
    const path = `/${names.app}/${names.stream}.ts`;
    return streamKeyFromHttp({ host: names.vhost || host, path, query });
  } catch (error) {
    if (error instanceof ProxyError) return undefined;
    throw error;
  }
}

function distinct(keys: readonly (StreamKey | undefined)[]): StreamKey[] {
  const byText = new Map(keys.flatMap((key) => key === undefined ? [] : [[key.key, key]]));
  return [...byText.values()];
}
