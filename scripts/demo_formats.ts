// In which formats a stream of the demo really plays: asks the proxy for each, as a player would.

import type { Proxy } from "../tests/support/proxy.ts";
import { until } from "../tests/support/wait.ts";

/** A format in which a stream plays. */
export interface PlayableFormat {
  readonly name: string;
  /** Address of the page that plays it. */
  readonly page: string;
}

/** What a stream plays in, and what it does not. */
export interface FoundFormats {
  readonly playable: readonly PlayableFormat[];
  readonly lacking: readonly string[];
}

const HTTP_FORMATS = [
  { name: "HTTP-FLV", format: "flv", extension: "flv" },
  { name: "HTTP-TS", format: "ts", extension: "ts" },
  { name: "HLS", format: "hls", extension: "m3u8" },
] as const;
/** The small origins of the demo speak neither. */
const NEVER = ["WebRTC", "SRT"];
/** Milliseconds for the first bytes; a playlist comes with the first segments. */
const PATIENCE = 8_000;

/** Finds out; takes some seconds for what does not come. */
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

/** Whether something comes before patience ends. */
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
