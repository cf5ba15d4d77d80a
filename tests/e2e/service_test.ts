// The proxy as a service: what it tells the service manager and when, and what happens if it is
// stuck.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { accepts } from "../support/origin_server.ts";
import { Registration } from "../support/register.ts";
import { Service } from "../support/service.ts";
import { srtInduction } from "../support/srt_packets.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";

const IGNORE = Deno.build.os !== "linux";

Deno.test({
  name: "READY once every port is bound, then a status, STOPPING when draining begins",
  ignore: IGNORE,
  async fn() {
    await using service = Service.start({
      variables: { PROXY_GRACE_QUIT_TIMEOUT: "30s", PROXY_FORCE_QUIT_TIMEOUT: "40s" },
    });
    const { READY, STATUS } = await service.notice("READY");
    assert.equal(READY, "1");
    assert.equal(STATUS, "0 sessions, 0 origins");
    // It is sent once, and from then on everything answers at the first attempt.
    const { rtmp, httpServer, httpApi, systemApi, srt } = service.ports;
    for (const port of [rtmp, httpServer, httpApi, systemApi]) assert.ok(await accepts(port));
    await using caller = new UdpPeer();
    await caller.send(srtInduction(1), srt);
    assert.ok((await caller.next()).bytes.length > 0);
    assert.equal(service.notices.length, 1);

    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([service], origin);
    await using _publisher = await Publisher.publish(`rtmp://127.0.0.1:${rtmp}/live/x`);
    await using viewer = new Viewer(`rtmp://127.0.0.1:${rtmp}/live/x`);
    await viewer.moreVideo(5);
    await until("the figures", () => {
      return service.notices.some(({ STATUS }) => STATUS === "2 sessions, 1 origins");
    });
    service.process.signal("SIGTERM");
    const { STOPPING, EXTEND_TIMEOUT_USEC } = await service.notice("STOPPING");
    assert.equal(STOPPING, "1");
    assert.ok(Number(EXTEND_TIMEOUT_USEC) > 40_000_000, "time for running streams");
    await viewer.moreVideo(10);
  },
});

Deno.test({
  name: "READY is not sent if a port is in use",
  ignore: IGNORE,
  async fn() {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using service = Service.start({
      variables: { PROXY_SYSTEM_API: `127.0.0.1:${taken.addr.port}` },
    });
    assert.equal((await service.process.end()).code, 1);
    assert.deepEqual(service.notices, []);
  },
});

Deno.test({
  name: "a working process notifies its watchdog; a stuck one is restarted",
  ignore: IGNORE,
  async fn() {
    await using service = Service.start({ watchdog: 4_000 });
    await service.notice("READY");
    await until("five signs of life", () => {
      return service.notices.filter(({ WATCHDOG }) => WATCHDOG === "1").length >= 5;
    });
    assert.equal(service.kills, 0);
    const { pid } = service.process;
    // The whole process is stuck: the event loop stops.
    service.process.signal("SIGSTOP");
    await until("the watchdog", () => service.kills === 1, { timeout: 10_000 });
    await service.notice("READY");
    assert.notEqual(service.process.pid, pid);
    assert.ok(await accepts(service.ports.rtmp));
  },
});
