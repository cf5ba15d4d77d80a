// The metrics of a working proxy: every series exists before anything happens, and no others
// appear.

import assert from "node:assert/strict";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { freePort } from "../support/ports.ts";
import { heartbeatOf, Registration, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";

async function seriesOf(proxy: Proxy): Promise<Map<string, number>> {
  const text = await (await fetch(proxy.systemUrl("/metrics"))).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test({
  name: "publishing, playing and refusing add to series that exist from the start",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open();
    // Each lane first reports its measurements a second after its start.
    const before = await until("the series of every lane", async () => {
      const series = await seriesOf(proxy);
      const reported = [...series.keys()].filter((name) => name.includes("lane_lag_seconds_sum"));
      return reported.length === series.get("srs_proxy_lanes") && series;
    });
    assert.equal(before.get("srs_proxy_draining"), 0);
    assert.ok([...before.keys()].some((name) => /^srs_proxy_build_info\{version="\d/.test(name)));
    if (Deno.build.os === "linux") {
      assert.ok(before.get("process_open_fds")! > 5);
      assert.ok(before.get("process_max_fds")! >= 1_000);
    }
    {
      await using _registration = await Registration.open([proxy], origin);
      await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    }
    const { httpServer, httpApi } = proxy.ports;
    for (
      const url of [
        `http://127.0.0.1:${httpServer}/live/x.flv`,
        `http://127.0.0.1:${httpApi}/rtc/v1/whep/?app=live&stream=x`,
      ]
    ) await (await fetch(url, { method: "POST", body: "v=0" })).body?.cancel();
    await until("the session closed", async () => {
      const series = [...await seriesOf(proxy)];
      return series.some(([name, value]) => /rtmp_sessions_closed_total/.test(name) && value > 0);
    });
    const after = await seriesOf(proxy);
    assert.deepEqual([...after.keys()].filter((name) => !before.has(name)), []);
    assert.ok(
      after.get('srs_proxy_rtmp_relay_bytes_total{direction="from_clients",path="untouched"}')! > 0,
    );
    for (const name of ["origin_dial", "first_byte"]) {
      assert.equal(after.get(`srs_proxy_${name}_seconds_count{protocol="rtmp"}`), 1, name);
    }
    assert.ok(after.get("srs_proxy_event_loop_lag_seconds_count")! > 0);
  },
});

Deno.test({
  name: "gauges show the current state of set-aside origins and draining",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_GRACE_QUIT_TIMEOUT: "20s" });
    const dead = { name: "dead", rtmpPort: freePort(), httpPort: freePort() };
    await sendHeartbeat(proxy, heartbeatOf(dead, "1"));
    await until("the origin set aside", async () => {
      await (await fetch(`http://127.0.0.1:${proxy.ports.httpServer}/live/x.flv`)).body?.cancel();
      return (await seriesOf(proxy)).get('srs_proxy_origins_set_aside{protocol="http"}') === 1;
    });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("y"));
    proxy.process.signal("SIGTERM");
    await until("draining", async () => (await seriesOf(proxy)).get("srs_proxy_draining") === 1);
  },
});
