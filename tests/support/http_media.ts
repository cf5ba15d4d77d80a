// Media over HTTP as a player requests it: what ffprobe finds in it, the links of a playlist, and
// bodies with their checksums. Frames are read by `Viewer` in ffmpeg.ts, which accepts any URL. Of
// the proxy it knows only where it serves media.

import assert from "node:assert/strict";
import { Child } from "./child.ts";
import type { Frame } from "./frames.ts";
import type { Proxy } from "./proxy.ts";
import { until, within } from "./wait.ts";

/** A track as ffprobe describes it. */
export interface Track {
  readonly codec_type: string;
  readonly codec_name: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_rate?: string;
}

/** A complete response. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

const FETCH_DEADLINE = 5_000;
const ENTRIES = "stream=codec_type,codec_name,width,height,sample_rate";

/** The URL of a path at a proxy; the path begins with a slash. */
export function mediaUrl(proxy: Proxy, path: string): string {
  return `http://127.0.0.1:${proxy.ports.httpServer}${path}`;
}

/**
 * The video and audio tracks of a stream, video first.
 *
 * @throws Error with ffprobe's output when it cannot read the stream
 */
export async function probe(url: string): Promise<Track[]> {
  const args = ["-v", "error", "-analyzeduration", "1000000", "-of", "json"];
  await using ffprobe = new Child({
    command: "ffprobe",
    args: [...args, "-show_entries", ENTRIES, url],
  });
  const { code } = await ffprobe.end(20_000);
  if (code !== 0) throw new Error(`Cannot probe ${url}\n${ffprobe.errorText}`);
  const found: { streams: Track[] } = JSON.parse(ffprobe.outputText);
  return found.streams
    .filter(({ codec_type }) => codec_type === "video" || codec_type === "audio")
    .sort((left, right) => right.codec_type.localeCompare(left.codec_type));
}

/** Fetches a whole response within five seconds, without following redirects. */
export async function fetchWhole(
  url: string,
  init: RequestInit & { client?: Deno.HttpClient } = {},
): Promise<WholeAnswer> {
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new Error(`Cannot fetch ${url} in time`)),
    FETCH_DEADLINE,
  );
  try {
    const response = await fetch(url, { redirect: "manual", ...init, signal: abort.signal });
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, body };
  } finally {
    clearTimeout(timer);
  }
}

/** A live stream that is read until it ends or the reader leaves; keeps every byte. */
export class LiveReader implements AsyncDisposable {
  /** Resolves when the stream has ended, with an error if it did not end properly. */
  readonly ended: Promise<unknown>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];

  private constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    this.ended = this.#read().then(() => undefined, (error: unknown) => error);
  }

  /** @throws Error when the response is anything but a stream with status 200 */
  static async open(
    url: string,
    init: RequestInit & { client?: Deno.HttpClient } = {},
  ): Promise<LiveReader> {
    const { status, body } = await fetch(url, init);
    if (status === 200 && body !== null) return new LiveReader(body);
    await body?.cancel();
    throw new Error(`Cannot read ${url}: current value is ${status}`);
  }

  /** The bytes received so far. */
  get received(): Uint8Array {
    return new Uint8Array(this.#chunks.flatMap((chunk) => [...chunk]));
  }

  /** Waits until `count` bytes have arrived in total. */
  async bytes(count: number): Promise<void> {
    await until(`${count} bytes of the stream`, () => this.#count >= count);
  }

  /** Waits until nothing more arrives, as when the publisher has stopped sending. */
  async silence(): Promise<void> {
    let before = -1;
    const isSilent = () => {
      const last = before;
      before = this.#count;
      return last === before;
    };
    await until("silence", isSilent, { interval: 400 });
  }

  /** Leaves if the stream is still running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
    await this.ended;
  }

  get #count(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  async #read(): Promise<void> {
    for (let read; !(read = await this.#reader.read()).done;) this.#chunks.push(read.value);
  }
}

/** The text of a response's body. */
export function textOf({ body }: WholeAnswer): string {
  return new TextDecoder().decode(body);
}

/** The SHA-256 of bytes as hexadecimal text. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * An HTTP client whose connections all go to one loopback port, whatever host the URL names, so
 * that the Host field is the URL's.
 */
export function clientOf(port: number): Deno.HttpClient {
  return Deno.createHttpClient({ proxy: { transport: "tcp", hostname: "127.0.0.1", port } });
}

/** The links of an HLS playlist, including keys and the like, as absolute URLs. */
export function linksOf(playlist: string, url: string): string[] {
  const found = playlist.matchAll(/^(?!#)\S+|^#EXT.*[:,]URI="([^"]+)"/gm);
  return [...found].map(([line, uri]) => new URL(uri ?? line, url).href);
}

/**
 * The files that a DASH manifest names: for each template, the initialization file and the
 * segments.
 */
function filesOf(manifest: string, url: string): string[] {
  const base = new URL(/<BaseURL>([^<]*)<\/BaseURL>/.exec(manifest)?.[1] ?? "", url);
  const representations = manifest.matchAll(/<Representation[\s\S]*?<\/Representation>/g);
  return [...representations].flatMap(([text]) => {
    const id = attribute(text, "id");
    const expand = (template: string, time: string, number: number) => {
      const path = attribute(text, template)
        .replace("$RepresentationID$", id)
        .replace("$Time$", time)
        .replace("$Number$", `${number}`);
      return new URL(path, base).href;
    };
    const times = [...text.matchAll(/<S [^>]*>/g)].map(([segment]) => attribute(segment, "t"));
    const segments = times.map((time, index) => expand("media", time, index));
    return [expand("initialization", "", 0), ...segments];
  });
}

function attribute(xml: string, name: string): string {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(xml)?.[1]?.replaceAll("&amp;", "&") ?? "";
}

/** A media playlist and its URL. */
export interface MediaPlaylist {
  readonly url: string;
  readonly text: string;
  readonly links: readonly string[];
}

/**
 * Waits for a media playlist with at least `segments` segments, following a master playlist as a
 * player does.
 *
 * @throws Error when there is none within 15 seconds
 */
export async function mediaPlaylist(url: string, segments: number): Promise<MediaPlaylist> {
  let seen = "";
  const look = async (): Promise<MediaPlaylist | undefined> => {
    const answer = await fetchWhole(url);
    const text = textOf(answer);
    seen = `${answer.status} ${text}`;
    if (answer.status !== 200) return undefined;
    const links = linksOf(text, url);
    if (text.includes("#EXT-X-STREAM-INF")) url = links[0]!;
    return text.split("#EXTINF").length > segments ? { url, text, links } : undefined;
  };
  const options = { timeout: 15_000, interval: 100, describe: () => seen };
  return await until(`${segments} segments in ${url}`, look, options);
}

/**
 * Waits until a DASH manifest names at least `files` files, and returns their URLs.
 *
 * @throws Error when it does not within 15 seconds
 */
export async function manifestFiles(url: string, files: number): Promise<string[]> {
  const look = async () => {
    const answer = await fetchWhole(url);
    const found = answer.status === 200 ? filesOf(textOf(answer), url) : [];
    return found.length >= files && found;
  };
  return await until(`${files} files in ${url}`, look, { timeout: 15_000, interval: 100 });
}

/**
 * The frames of a relayed stream, with the timestamps of the direct one where they are nearly
 * equal: for frames inside an MPEG-TS packet ffmpeg computes them, and its rounding depends on
 * where it began to read.
 */
export function withTimestampsOf(direct: readonly Frame[], relayed: readonly Frame[]): Frame[] {
  const timestamps = new Set(direct.map(({ dts }) => dts));
  return relayed.map((frame) => {
    const shift = [0, -1, 1, -2, 2].find((by) => timestamps.has(frame.dts + by)) ?? 0;
    return { ...frame, dts: frame.dts + shift, pts: frame.pts + shift };
  });
}

/** The origin's own URL for a URL of the proxy, without what the proxy has added. */
function originUrl(url: string, origin: { httpUrl(path: string): string }): string {
  const { pathname, searchParams } = new URL(url);
  assert.ok(searchParams.has("spbhid"), `${url} has no spbhid`);
  searchParams.delete("spbhid");
  return origin.httpUrl(searchParams.size === 0 ? pathname : `${pathname}?${searchParams}`);
}

/**
 * Asserts that every link gives the same bytes through the proxy as at the origin, and that they
 * are not empty.
 *
 * @returns how many bytes that were
 */
export async function assertSameBodies(
  links: readonly string[],
  origin: { httpUrl(path: string): string },
): Promise<number> {
  let bytes = 0;
  for (const link of links) {
    const relayed = await fetchWhole(link);
    assert.equal(relayed.status, 200, `${link}: ${textOf(relayed).slice(0, 200)}`);
    const direct = await fetchWhole(originUrl(link, origin));
    assert.equal(direct.status, 200, `the origin's ${link}`);
    assert.equal(await sha256(relayed.body), await sha256(direct.body), link);
    assert.equal(relayed.headers.get("content-type"), direct.headers.get("content-type"), link);
    assert.ok(relayed.body.length > 0, link);
    bytes += relayed.body.length;
  }
  return bytes;
}

/** The first three characters of an endless body, once this many bytes of it have arrived. */
export async function beginOf(url: string, bytes: number): Promise<string> {
  const leave = new AbortController();
  const response = await fetch(url, { signal: leave.signal });
  const reader = response.body!.getReader();
  let begin = "";
  for (let seen = 0; seen < bytes;) {
    const { value } = await within("more of the stream", 20_000, reader.read());
    if (value === undefined) throw new Error(`Cannot read on: the body ended after ${seen} bytes`);
    if (begin.length < 3) begin += new TextDecoder("latin1").decode(value);
    seen += value.length;
  }
  leave.abort();
  return begin.slice(0, 3);
}
