// The media type of a file by its extension. Only types that a page of players needs.

const TEXT = "; charset=utf-8";

const TYPES: ReadonlyMap<string, string> = new Map([
  ["html", `text/html${TEXT}`],
  ["htm", `text/html${TEXT}`],
  ["css", `text/css${TEXT}`],
  ["js", `text/javascript${TEXT}`],
  ["mjs", `text/javascript${TEXT}`],
  ["txt", `text/plain${TEXT}`],
  ["md", `text/markdown${TEXT}`],
  ["json", "application/json"],
  ["map", "application/json"],
  ["webmanifest", "application/manifest+json"],
  ["xml", "application/xml"],
  ["wasm", "application/wasm"],
  ["pdf", "application/pdf"],
  ["svg", "image/svg+xml"],
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["gif", "image/gif"],
  ["webp", "image/webp"],
  ["avif", "image/avif"],
  ["ico", "image/x-icon"],
  ["woff", "font/woff"],
  ["woff2", "font/woff2"],
  ["ttf", "font/ttf"],
  ["vtt", `text/vtt${TEXT}`],
  ["m3u8", "application/vnd.apple.mpegurl"],
  ["mpd", "application/dash+xml"],
  // MPEG transport stream; nobody serves TypeScript to players.
  ["ts", "video/mp2t"],
  ["flv", "video/x-flv"],
  ["mp4", "video/mp4"],
  ["m4v", "video/mp4"],
  ["m4s", "video/iso.segment"],
  ["m4a", "audio/mp4"],
  ["webm", "video/webm"],
  ["mp3", "audio/mpeg"],
  ["aac", "audio/aac"],
]);

/** The type for a Content-Type header; `application/octet-stream` for every other name. */
export function contentTypeOf(name: string): string {
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return TYPES.get(extension) ?? "application/octet-stream";
}
