// Finds out in which formats a stream of the demo really plays, by requesting each from the proxy
// as a player would.

import type { Proxy } from "../tests/support/proxy.ts";
import { until } from "../tests/support/wait.ts";

/** A format in which a stream plays. */
export interface PlayableFormat {
  readonly name: string;
  /** URL of the page that plays it. */
  readonly page: string;
}

/** The formats in which a stream plays, and those in which it does not. */
export interface FoundFormats {
  readonly playable: readonly PlayableFormat[];
  readonly lacking: readonly string[];
}

const HTTP_FORMATS = [
  { name: "HTTP-FLV", format: "flv", extension: "flv" },
  { name: "HTTP-TS", format: "ts", extension: "ts" },
  { name: "HLS", format: "hls", extension: "m3u8" },
] as const;
/** The small origins of the demo support neither. */
const NEVER = ["WebRTC", "SRT"];
/** Deadline for the first bytes, milliseconds; a playlist exists only once there are segments. */
const PATIENCE = 8_000;

/** Finds the formats; takes some seconds for those that are not offered. */
export async function findFormats(proxy: Proxy, stream: string): Promise<FoundFormats> {
  const root = `http://127.0.0.1:${proxy.ports.httpServer}`;
  const answers = await Promise.all(HTTP_FORMATS.map(async ({ name, format, extension }) => ({
    name,
    page: `${root}/?format=${format}#live/${stream}`,
    comes: await comes(`${root}/live/${stream}.${extension}`),
  })));
  return {
    playable: answers.filter(({ comes }) => comes),
    lacking: [...answers.filter(({ comes }) => !comes).map(({ name }) => name), ...NEVER],
  };
}

/** Whether data arrives in time. */
async function comes(url: string): Promise<boolean> {
  const deadline = AbortSignal.timeout(PATIENCE);
  const look = async () => await hasBytes(url, deadline) || deadline.aborted && "late";
  return await until(url, look, { timeout: 2 * PATIENCE, interval: 500 }) === true;
}

async function hasBytes(url: string, deadline: AbortSignal): Promise<boolean> {
  const leave = new AbortController();
  try {
    const signal = AbortSignal.any([deadline, leave.signal]);
    const { ok, body } = await fetch(url, { signal });
    const { value } = await body!.getReader().read();
    return ok && value !== undefined && value.length > 0;
  } catch {
    return false;
  } finally {
    leave.abort();
  }
}
