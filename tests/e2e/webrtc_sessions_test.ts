// Thousands of WebRTC sessions, negotiated, begun and abandoned by their clients: descriptors and
// memory are released.

import assert from "node:assert/strict";
import { Proxy } from "../support/proxy.ts";
import { descriptorsOf, megabytesOf, sumOf } from "../support/proxy_figures.ts";
import { agree, openRtcOrigin, proofOf } from "../support/rtc_origin.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";

const SESSIONS = 1_500;
const WARM_UP = 1_000;
/** Sessions negotiated and begun at a time. */
const WAVE = 100;
const CONSENT_SECONDS = 2;
const OPENED = "srs_proxy_rtc_sessions_opened_total";

/** Begins each session from one of many addresses, and abandons them. */
async function begin(proxy: Proxy, ufrags: readonly string[]): Promise<void> {
  const { webrtc } = proxy.ports;
  const before = await sumOf(proxy, OPENED);
  await using clients = new AsyncDisposableStack();
  for (const [index, ufrag] of ufrags.entries()) {
    const client = clients.use(new UdpPeer(`127.0.${1 + index % 20}.1`));
    await client.sendTo(proofOf(ufrag), "127.0.0.1", webrtc);
  }
  await until("all to begin", async () => await sumOf(proxy, OPENED) === before + ufrags.length);
}

Deno.test("thousands of abandoned sessions release everything", async () => {
  await using proxy = await Proxy.open({
    PROXY_WEBRTC_CONSENT_TIMEOUT: `${CONSENT_SECONDS}s`,
    PROXY_WEBRTC_CANDIDATE: "127.0.0.1",
  });
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  // No idle connection to the proxy may be left, because it would be counted.
  using http = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const run = async (sessions: number) => {
    for (let done = 0; done < sessions; done += WAVE) {
      const names = Array.from({ length: WAVE }, (_, index) => `s${done + index}`);
      await begin(proxy, await Promise.all(names.map((name) => agree(proxy, name, http))));
    }
    await until("all to end", async () => await sumOf(proxy, "srs_proxy_rtc_sessions ") === 0, {
      timeout: 30_000,
    });
  };
  const idle = descriptorsOf(proxy);
  await run(WARM_UP);
  const memory = megabytesOf(proxy);
  await run(SESSIONS);
  // Connections to the origin's API are kept for a while, at most 16.
  assert.ok(descriptorsOf(proxy) <= idle + 20, `${descriptorsOf(proxy)} descriptors after ${idle}`);
  const grown = megabytesOf(proxy) - memory;
  assert.ok(grown < 120, `${grown.toFixed(0)} MiB more memory`);
});
