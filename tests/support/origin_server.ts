// What the tests need of any real media server.

import { formatAddress } from "../../src/core/endpoint.ts";
import { Child, type ChildOptions } from "./child.ts";
import type { TempFolder } from "./temp_folder.ts";

/** Its name, and where it listens. */
export interface OriginServerPlace {
  readonly name: string;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  readonly rtmpPort: number;
  readonly httpPort: number;
}

/** A real media server on loopback ports of its own; disposing of it ends it. */
export abstract class OriginServer implements OriginServerPlace, AsyncDisposable {
  /** The name under which it is registered; unique within a test. */
  readonly name: string;
  readonly host: string;
  readonly rtmpPort: number;
  readonly httpPort: number;
  /** For `kill -9`, freezing and thawing. */
  readonly process: Child;
  protected readonly folder: TempFolder;

  /** @param folder where it writes all its files; removed at the end */
  protected constructor(place: OriginServerPlace, program: ChildOptions, folder: TempFolder) {
    this.name = place.name;
    this.host = place.host ?? "127.0.0.1";
    this.rtmpPort = place.rtmpPort;
    this.httpPort = place.httpPort;
    this.folder = folder;
    this.process = new Child(program);
  }

  /** Names of the streams of the app `live` that have a publisher, as told by the server itself. */
  abstract publishedStreams(): Promise<string[]>;

  /** The URL of a stream of the app `live` without the proxy. */
  rtmpUrl(stream: string): string {
    return `rtmp://${this.#at(this.rtmpPort)}/live/${stream}`;
  }

  /** The HTTP URL of a path, which begins with a slash, without the proxy. */
  httpUrl(path: string): string {
    return `http://${this.#at(this.httpPort)}${path}`;
  }

  #at(port: number): string {
    return formatAddress({ host: this.host, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
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

/** Whether something accepts TCP connections on each of these ports of 127.0.0.1. */
export async function accepts(...ports: readonly number[]): Promise<boolean> {
  return await acceptsAt("127.0.0.1", ...ports);
}

/** The same for another address. */
export async function acceptsAt(hostname: string, ...ports: readonly number[]): Promise<boolean> {
  try {
    for (const port of ports) (await Deno.connect({ hostname, port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
