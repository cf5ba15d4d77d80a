// An SRT-only origin at a proxy, calls by callers that the test controls, and the proxy's SRT
// sessions.

import { type Handshake, parseHandshake } from "../../src/protocol/srt/handshake.ts";
import type { Proxy } from "./proxy.ts";
import { heartbeatOf, sendHeartbeat } from "./register.ts";
import { sessionsOf } from "./sessions.ts";
import { srtConclusion, srtInduction } from "./srt_packets.ts";
import type { UdpPeer } from "./udp_peer.ts";

/** For a proxy of such origins: one that answers nothing over TCP would be down before long. */
export const SRT_ONLY: Readonly<Record<string, string>> = { PROXY_HEALTH_INTERVAL: "0" };

/** Registers an origin that speaks only SRT. */
export async function registerSrt(proxy: Proxy, name: string, srtPort: number): Promise<void> {
  await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: srtPort, srtPort }, "1"));
}

/** The streams of the open SRT sessions. */
export async function srtSessions(proxy: Proxy): Promise<string[]> {
  return (await sessionsOf(proxy)).filter(({ protocol }) => protocol === "srt").map(({ stream }) =>
    stream
  );
}

/** Makes one call. @returns its answer */
export async function callSrt(
  proxy: Proxy,
  caller: UdpPeer,
  { socketId, stream = "show" }: { readonly socketId: number; readonly stream?: string },
): Promise<Handshake> {
  const { srt } = proxy.ports;
  await caller.sendTo(srtInduction(socketId), "127.0.0.1", srt);
  const { cookie } = await answerTo(caller);
  const streamId = `live/${stream}`;
  await caller.sendTo(srtConclusion({ socketId, cookie, streamId }), "127.0.0.1", srt);
  return await answerTo(caller);
}

async function answerTo(caller: UdpPeer): Promise<Handshake> {
  while (true) {
    const { bytes } = await caller.next();
    // A SHUTDOWN may be for a previous user of this port.
    if (bytes[1] === 0) return parseHandshake(Uint8Array.from(bytes.slice(0, 64)));
  }
}
