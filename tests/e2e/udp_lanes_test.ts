// WebRTC in three lanes: whichever gets an address, its session is served, listed and kicked.

import assert from "node:assert/strict";
import { Proxy } from "../support/proxy.ts";
import { agree, openRtcOrigin, proofOf } from "../support/rtc_origin.ts";
import { sessionsOf } from "../support/sessions.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";

/** Enough addresses that they are never all in one lane. */
const MANY = 18;

Deno.test({
  name:
    "WebRTC sessions are spread over lanes, listed together, and kicked and limited wherever they are",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({
      PROXY_LANES: "3",
      PROXY_WEBRTC_CANDIDATE: "127.0.0.1",
      PROXY_WEBRTC_MAX_SESSIONS: String(MANY),
    });
    await using media = new UdpPeer();
    await using _origin = await openRtcOrigin(proxy, media.port);
    await using stack = new AsyncDisposableStack();
    const { webrtc } = proxy.ports;
    const players: { readonly peer: UdpPeer; readonly path: number }[] = [];
    for (let index = 0; index < MANY; index++) {
      const peer = stack.use(new UdpPeer());
      await peer.send(proofOf(await agree(proxy, `s${index}`)), webrtc);
      players.push({ peer, path: (await media.next()).port });
    }
    await assert.rejects(agree(proxy, "one-too-many"), /503|overloaded|Cannot take/i);
    for (const [index, { peer, path }] of players.entries()) {
      await peer.send(Uint8Array.of(0x80, index), webrtc);
      assert.deepEqual(await media.next(), { bytes: [0x80, index], port: path });
      await media.send(Uint8Array.of(0x81, index), path);
      assert.deepEqual((await peer.next()).bytes, [0x81, index]);
    }
    const sessions = await sessionsOf(proxy);
    assert.equal(sessions.length, MANY);
    for (const { session } of sessions) {
      const url = proxy.systemUrl(`/api/v1/sessions/${session}`);
      const { ok, body } = await fetch(url, { method: "DELETE" });
      await body?.cancel();
      assert.ok(ok);
    }
    await until("all ends", async () => (await sessionsOf(proxy)).length === 0);
    // There is room for the next client, and what the others keep sending reaches nobody.
    for (const { peer } of players) await peer.send(Uint8Array.of(0x80), webrtc);
    const last = stack.use(new UdpPeer());
    await last.send(proofOf(await agree(proxy, "last")), webrtc);
    assert.equal((await media.next()).bytes[0], 0, "a request, and nothing before it");
  },
});
