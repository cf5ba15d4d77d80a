// What the tests ask of a real media server, whichever it is.

import type { Child } from "./child.ts";

/** A real media server on loopback ports of its own; disposing of it ends it. */
export interface OriginServer extends AsyncDisposable {
  /** The name under which it is registered; unique in a test. */
  readonly name: string;
  readonly rtmpPort: number;
  readonly httpPort: number;
  /** For `kill -9`, freezing and thawing. */
  readonly process: Child;
  /** Where a stream of the app `live` is read without the proxy. */
  rtmpUrl(stream: string): string;
  /** Where a path, which begins with a slash, is asked for over HTTP without the proxy. */
  httpUrl(path: string): string;
  /** Names of the streams of the app `live` that have a publisher, as the server itself says. */
  publishedStreams(): Promise<string[]>;
}

/**
 * Fetches a text over HTTP, within `timeout` milliseconds.
 *
 * @throws Error when there is no answer in time or its status is not 2xx.
 */
export async function fetchText(
  url: string,
  init: RequestInit = {},
  timeout = 2_000,
): Promise<string> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`Cannot fetch ${url} in time`)), timeout);
  try {
    const response = await fetch(url, { ...init, signal: abort.signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot fetch ${url}: current value is ${response.status}`);
    return text;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether something accepts TCP connections on a loopback port. */
export async function accepts(port: number): Promise<boolean> {
  try {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
