// How an origin is probed: by an RTMP handshake and requests over HTTP, whichever it answers. A part of
// app.ts.

import type { State } from "./surroundings.ts";
import { MAX_ADDRESSES } from "../core/try_origins.ts";
import { within } from "../core/clock.ts";
import type { Origin } from "../core/origin.ts";
import type { TcpEngine } from "../net/engine.ts";
import { knock } from "../net/knock.ts";
import { ORIGIN_GREETING } from "../relay/rtmp/greeting.ts";

/** Most milliseconds for one probe. */
const TIMEOUT = 1_500;
/** The share of the timeout that one request is given to succeed before more is tried. */
const HEAD_START = 0.3;
const REQUEST = new TextEncoder().encode(
  "GET /api/v1/versions HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n",
);

/** Shorter than the pause between two probes of a suspect. */
export function probeTimeout({ config: { registry: { health } } }: State): number {
  return Math.min(TIMEOUT, health.interval / 2 || TIMEOUT);
}

/**
 * Whether an origin answers at any of its TCP addresses, which are asked at the same time. One that has none
 * cannot be probed, and counts as answering.
 */
export async function probeOrigin(
  engine: TcpEngine,
  { endpoints }: Origin,
  timeout: number,
): Promise<boolean> {
  const [rtmp, api, http] = [endpoints.rtmp, endpoints.api, endpoints.http].map((all) => {
    return all.slice(0, MAX_ADDRESSES);
  });
  const knocks = [
    ...rtmp!.map((address) => knock(engine, address, ORIGIN_GREETING, timeout)),
    ...[...api!, ...http!].map((address) => knock(engine, address, REQUEST, timeout)),
  ];
  return knocks.length === 0 || (await Promise.all(knocks)).includes(true);
}

/** The same, usually by one request to its HTTP API; by all its addresses if that is not answered. */
export async function checkOrigin(
  engine: TcpEngine,
  origin: Origin,
  timeout: number,
): Promise<boolean> {
  const [api] = origin.endpoints.api;
  if (api === undefined) return await probeOrigin(engine, origin, timeout);
  const headStart = timeout * HEAD_START;
  const first = knock(engine, api, REQUEST, timeout);
  if (await within(engine.clock, headStart, first, () => false)) return true;
  const answers = await Promise.all([first, probeOrigin(engine, origin, timeout - headStart)]);
  return answers.includes(true);
}
