// Ten thousand WebRTC sessions, signalled, begun and left by their clients: what they have cost comes
// back, descriptors and memory.

import assert from "node:assert/strict";
import { HttpOrigin, whole } from "../support/http_origin.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { stunRequest } from "../support/stun_message.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";

const SESSIONS = 10_000;
const WARM_UP = 8_000;
/** Sessions that are signalled and begun at a time. */
const WAVE = 250;
const CONSENT_SECONDS = 2;
const OPENED = "srs_proxy_rtc_sessions_opened_total";

const OFFER = description("offer", "me");

function description(user: string, password: string, ...more: readonly string[]): string {
  const lines = [
    ...["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"],
    ...["m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux"],
    ...[`a=ice-ufrag:${user}`, `a=ice-pwd:${passwordOf(password)}`, ...more],
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

/** RFC 8839 wants 22 letters at least. */
function passwordOf(name: string): string {
  return name.padEnd(24, "x");
}

/** Signals one session. @returns the origin's ufrag for it */
async function signal(
  proxy: Proxy,
  client: Deno.HttpClient,
  stream: string,
): Promise<string> {
  const response = await fetch(
    `http://127.0.0.1:${proxy.ports.httpApi}/rtc/v1/whep/?app=live&stream=${stream}`,
    { client, method: "POST", headers: { "content-type": "application/sdp" }, body: OFFER },
  );
  const answer = await response.text();
  assert.equal(response.status, 201, answer);
  return /^a=ice-ufrag:(.*)$/m.exec(answer)![1]!.trim();
}

/** Has a client begin each session, from one of many addresses, and leaves them. */
async function begin(proxy: Proxy, ufrags: readonly string[]): Promise<void> {
  const { webrtc } = proxy.ports;
  const before = await metric(proxy, OPENED);
  await using clients = new AsyncDisposableStack();
  for (const [index, ufrag] of ufrags.entries()) {
    const client = clients.use(new UdpPeer(`127.0.${1 + index % 20}.1`));
    const request = stunRequest({ user: `${ufrag}:offer`, password: passwordOf(ufrag) });
    await client.sendTo(request, "127.0.0.1", webrtc);
  }
  await until("all to begin", async () => await metric(proxy, OPENED) === before + ufrags.length);
}

function descriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]) / 1024;
}

async function metric(proxy: Proxy, name: string): Promise<number> {
  const text = await (await fetch(proxy.systemUrl("/metrics"))).text();
  return text.split("\n").filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

Deno.test("ten thousand sessions that are left give everything back", async () => {
  await using proxy = await Proxy.open({
    PROXY_WEBRTC_CONSENT_TIMEOUT: `${CONSENT_SECONDS}s`,
    PROXY_WEBRTC_CANDIDATE: "127.0.0.1",
  });
  await using media = new UdpPeer();
  let count = 0;
  await using api = new HttpOrigin((path) =>
    path !== "/rtc/v1/whep/" ? undefined : (exchange) => {
      const ufrag = `user${++count}`;
      const candidate = `a=candidate:0 1 udp 2130706431 127.0.0.1 ${media.port} typ host`;
      return whole(
        "201 Created",
        { "Content-Type": "application/sdp", Location: `/rtc/v1/whep/?session=${ufrag}` },
        description(ufrag, ufrag, candidate),
      )(exchange);
    }
  );
  const origin = { name: "o", rtmpPort: api.rtmpPort, apiPort: api.httpPort, rtcPort: media.port };
  await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
  const { pid } = proxy.process;
  // No connection to the proxy may be left that would count.
  using http = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const run = async (sessions: number) => {
    for (let done = 0; done < sessions; done += WAVE) {
      const names = Array.from({ length: WAVE }, (_, index) => `s${done + index}`);
      await begin(proxy, await Promise.all(names.map((name) => signal(proxy, http, name))));
    }
    await until("all to end", async () => await metric(proxy, "srs_proxy_rtc_sessions ") === 0, {
      timeout: 30_000,
    });
  };
  const idle = descriptors(pid);
  await run(WARM_UP);
  const memory = residentMegabytes(pid);
  await run(SESSIONS);
  // Connections to the origin's API are kept for a while, 16 at most.
  assert.ok(descriptors(pid) <= idle + 20, `${descriptors(pid)} descriptors after ${idle}`);
  const grown = residentMegabytes(pid) - memory;
  assert.ok(grown < 80, `${grown.toFixed(0)} MiB more memory`);
});
