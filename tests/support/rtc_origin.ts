// An origin that accepts every WebRTC session and whose media port belongs to the test, and the
// requests of its players, so that the test makes every packet.

import assert from "node:assert/strict";
import { HttpOrigin, whole } from "./http_origin.ts";
import type { Proxy } from "./proxy.ts";
import { type Heartbeat, heartbeatOf, sendHeartbeat } from "./register.ts";
import { stunRequest } from "./stun_message.ts";

const OFFER = description("offer", "me");

function description(user: string, password: string, ...more: readonly string[]): string {
  const lines = [
    ...["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"],
    ...["m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux"],
    ...[`a=ice-ufrag:${user}`, `a=ice-pwd:${passwordOf(password)}`, ...more],
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

/** RFC 8839 requires at least 22 characters. */
function passwordOf(name: string): string {
  return name.padEnd(24, "x");
}

/** How an origin's registration differs from the default. */
interface RtcOriginOptions {
  /** Where its API is; 127.0.0.1 unless given. */
  readonly host?: string;
  /** Changes its heartbeat. */
  readonly announce?: (usual: Heartbeat) => Heartbeat;
}

/** Opens the origin's API and registers it. @param mediaPort where its sessions' media goes */
export async function openRtcOrigin(
  proxy: Proxy,
  mediaPort: number,
  { host = "127.0.0.1", announce = (usual) => usual }: RtcOriginOptions = {},
): Promise<HttpOrigin> {
  let count = 0;
  const api = new HttpOrigin((path) =>
    path !== "/rtc/v1/whep/" ? undefined : (exchange) => {
      const ufrag = `user${++count}`;
      const candidate = `a=candidate:0 1 udp 2130706431 127.0.0.1 ${mediaPort} typ host`;
      return whole(
        "201 Created",
        { "Content-Type": "application/sdp", Location: `/rtc/v1/whep/?session=${ufrag}` },
        description(ufrag, ufrag, candidate),
      )(exchange);
    }, { host });
  const { rtmpPort, httpPort: apiPort } = api;
  const usual = heartbeatOf({ name: "o", host, rtmpPort, apiPort, rtcPort: mediaPort }, "1");
  await sendHeartbeat(proxy, announce(usual));
  return api;
}

/** Negotiates one session. @returns the origin's ufrag for it */
export async function agree(
  proxy: Proxy,
  stream: string,
  client?: Deno.HttpClient,
): Promise<string> {
  const response = await fetch(
    `http://127.0.0.1:${proxy.ports.httpApi}/rtc/v1/whep/?app=live&stream=${stream}`,
    {
      ...(client && { client }),
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: OFFER,
    },
  );
  const answer = await response.text();
  assert.equal(response.status, 201, answer);
  return /^a=ice-ufrag:(.*)$/m.exec(answer)![1]!.trim();
}

/** The Binding request with which a player proves that a session is its own. */
export function proofOf(ufrag: string): Uint8Array<ArrayBuffer> {
  return stunRequest({ user: `${ufrag}:offer`, password: passwordOf(ufrag) });
}
