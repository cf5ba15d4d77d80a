// The media type of a file by its name's extension. Hono knows most; those that it lacks are here.

import { getMimeType, mimes } from "hono/utils/mime";

const TYPES: Record<string, string> = {
  ...mimes,
  md: "text/markdown; charset=utf-8",
  vtt: "text/vtt; charset=utf-8",
  m3u8: "application/vnd.apple.mpegurl",
  mpd: "application/dash+xml",
  flv: "video/x-flv",
  m4v: "video/mp4",
  m4s: "video/iso.segment",
  m4a: "audio/mp4",
};

/** The type for a Content-Type header; `application/octet-stream` for every other name. */
export function contentTypeOf(name: string): string {
  return getMimeType(name, TYPES) ?? "application/octet-stream";
}
