// The stream that the page is about, and the addresses where it can be played: plain text in and out. Knows
// no DOM and no player.

/** How the page can play a stream. */
export type PlayFormat = "flv" | "ts" | "hls" | "webrtc";

/** A stream as people name it. */
export interface StreamName {
  /** `live/show`, percent-encoded, without slashes at its ends. */
  readonly path: string;
  /** What follows the question mark, such as a token; empty if there is none. */
  readonly query: string;
}

/** What a link to the page asks for. */
export interface PageRequest {
  /** As written, for the input field. */
  readonly stream: string;
  readonly format: PlayFormat;
}

/** Where the proxy is reached. */
export interface ProxyPlace {
  /** The folder of the page, with its final slash: `http://demo.com:8080/`. */
  readonly http: string;
  /** Host name without port, IPv6 in brackets. */
  readonly host: string;
  readonly rtmpPort: number;
  readonly srtPort: number;
  /** Address of the HTTP API, without a trailing slash: `http://demo.com:11985`. */
  readonly api: string;
}

/** An address of the stream for other programs. */
export interface StreamAddress {
  readonly label: string;
  readonly url: string;
}

/** The ways of playing, in the order of the page; WebRTC has no file name. */
export const PLAY_FORMATS: readonly { format: PlayFormat; label: string; extension?: string }[] = [
  { format: "flv", label: "HTTP-FLV", extension: "flv" },
  { format: "ts", label: "HTTP-TS", extension: "ts" },
  { format: "hls", label: "HLS", extension: "m3u8" },
  { format: "webrtc", label: "WebRTC" },
];

/** The names of all formats, including those that no browser plays. */
export const FORMAT_LABELS: Readonly<Record<string, string>> = {
  rtmp: "RTMP",
  srt: "SRT",
  ...Object.fromEntries(PLAY_FORMATS.map(({ format, label }) => [format, label])),
};

const DEFAULT_RTMP_PORT = 1935;
const EXTENSION = /\.(?:flv|ts|m3u8|mpd)$/i;

/**
 * Parses `live/show`, `/live/show.flv?token=x` or a whole address; undefined if an application or a stream
 * is missing. An extension is dropped, since the format is chosen separately.
 */
export function parseStreamName(text: string): StreamName | undefined {
  const withoutHost = text.trim().replace(/^[a-z]+:\/\/[^/?#]*/i, "");
  const [, path = "", query = ""] = /^([^?#]*)(?:\?([^#]*))?/.exec(withoutHost) ?? [];
  const names = path.replace(EXTENSION, "").split("/").filter((name) => name !== "");
  if (names.length < 2) return undefined;
  return { path: names.map(encodeName).join("/"), query };
}

/** Where a player gets the stream. */
export function playUrl(name: StreamName, format: PlayFormat, place: ProxyPlace): string {
  if (format === "webrtc") return rtcUrl(name, "whep", place);
  const { extension } = PLAY_FORMATS.find((known) => known.format === format)!;
  return `${place.http}${name.path}.${extension}${search(name)}`;
}

/** Where a stream is published by WHIP or played by WHEP. */
export function rtcUrl(name: StreamName, how: "whip" | "whep", place: ProxyPlace): string {
  const slash = name.path.lastIndexOf("/");
  const names = `app=${name.path.slice(0, slash)}&stream=${name.path.slice(slash + 1)}`;
  const query = name.query === "" ? "" : `&${name.query}`;
  return `${place.api}/rtc/v1/${how}/?${names}${query}`;
}

/**
 * Every address of the stream, for players such as VLC and ffplay.
 *
 * @param intent what the SRT address is for; the others say so themselves, or are the same for both
 */
export function streamAddresses(
  name: StreamName,
  place: ProxyPlace,
  intent: "play" | "publish" = "play",
): StreamAddress[] {
  const port = place.rtmpPort === DEFAULT_RTMP_PORT ? "" : `:${place.rtmpPort}`;
  const rtmp = `rtmp://${place.host}${port}/${decodeName(name.path)}${search(name)}`;
  const http = PLAY_FORMATS.map(({ format, label }) => {
    return { label: format === "webrtc" ? "WHEP" : label, url: playUrl(name, format, place) };
  });
  const whip = { label: "WHIP", url: rtcUrl(name, "whip", place) };
  const srt = { label: "SRT", url: srtUrl(name, place, intent) };
  return [{ label: "RTMP", url: rtmp }, srt, ...http, whip];
}

/** The StreamID as in SRS's documentation; a query becomes further keys, as SRS reads them. */
function srtUrl(name: StreamName, place: ProxyPlace, intent: "play" | "publish"): string {
  const mode = intent === "play" ? "request" : "publish";
  const keys = name.query.split("&").filter((pair) => pair !== "").map((pair) => `,${pair}`);
  const id = `#!::r=${decodeName(name.path)},m=${mode}${keys.join("")}`;
  return `srt://${place.host}:${place.srtPort}?streamid=${id}`;
}

/**
 * What the page's own address asks for: `#live/show`, `?stream=live/show` or, as older players write it,
 * `?app=live&stream=show.flv`; with `format=flv|ts|hls|webrtc`.
 */
export function parsePageAddress(address: string): PageRequest {
  const url = new URL(address);
  const app = url.searchParams.get("app");
  const asked = url.searchParams.get("stream") ?? "";
  const stream = decodeName(url.hash.slice(1)) || (app && asked ? `${app}/${asked}` : asked);
  const wanted = url.searchParams.get("format") ?? EXTENSION.exec(stream)?.[0].slice(1);
  const known = PLAY_FORMATS.find(({ format, extension }) => {
    return wanted !== undefined && (wanted === format || wanted === extension);
  });
  return { stream, format: known?.format ?? "flv" };
}

/** The current address of the page, to be kept or shared. */
export function pageAddress(address: string, { stream, format }: PageRequest): string {
  const url = new URL(address);
  for (const name of ["app", "stream"]) url.searchParams.delete(name);
  url.searchParams.set("format", format);
  url.hash = encodeURI(stream);
  return url.href;
}

function search(name: StreamName): string {
  return name.query === "" ? "" : `?${name.query}`;
}

function encodeName(name: string): string {
  return encodeURIComponent(decodeName(name));
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
