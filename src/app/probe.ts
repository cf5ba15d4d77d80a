// How an origin is probed: an RTMP handshake and a request to its HTTP API, whichever it answers. A
// part of app.ts, which is the one place that knows everything.

import type { Origin } from "../core/origin.ts";
import type { TcpEngine } from "../net/engine.ts";
import { knock } from "../net/knock.ts";
import { ORIGIN_GREETING } from "../relay/rtmp/greeting.ts";

/** Milliseconds for one probe; less than the pause between two. */
const TIMEOUT = 1_500;
/** Addresses of each kind that are tried, all at the same time. */
const MOST_ADDRESSES = 2;
const REQUEST = new TextEncoder().encode(
  "GET /api/v1/versions HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n",
);

/** Whether an origin answers at any of its TCP addresses. */
export async function probeOrigin(engine: TcpEngine, { endpoints }: Origin): Promise<boolean> {
  const rtmp = endpoints.rtmp.slice(0, MOST_ADDRESSES);
  const api = endpoints.api.slice(0, MOST_ADDRESSES);
  const answers = await Promise.all([
    ...rtmp.map((address) => knock(engine, address, ORIGIN_GREETING, TIMEOUT)),
    ...api.map((address) => knock(engine, address, REQUEST, TIMEOUT)),
  ]);
  return answers.includes(true);
}
