// Log lines about refused requests have the same fields in every protocol.

import assert from "node:assert/strict";
import { Publisher, testFile } from "../support/ffmpeg.ts";
import { freePort } from "../support/ports.ts";
import { Proxy, RUN_ENGINE } from "../support/proxy.ts";
import { sendHeartbeat } from "../support/register.ts";
import { publish, srtUrl } from "../support/srt_programs.ts";
import { until } from "../support/wait.ts";

const OFFER = [
  ...["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=video 9 UDP/TLS/RTP/SAVPF 96"],
  ...["c=IN IP4 0.0.0.0", "a=mid:0", "a=ice-ufrag:user", `a=ice-pwd:${"x".repeat(24)}`, ""],
].join("\r\n");

interface Refusal {
  readonly message: string;
  readonly protocol?: string;
  readonly [field: string]: unknown;
}

function refusalsOf(proxy: Proxy): Refusal[] {
  const lines = proxy.process.errorText.split("\n").filter((line) => line.startsWith("{"));
  const all = lines.map((line): Refusal => JSON.parse(line));
  return all.filter(({ message }) => message === "Session refused");
}

Deno.test({
  name: "a refusal names the stream, the client with its port, the session and the origins asked",
  timeout: 60_000,
  async fn() {
    const file = await testFile();
    await using proxy = await Proxy.open({ PROXY_LOG_FORMAT: "json" });
    const at = () => [`127.0.0.1:${freePort()}`];
    await sendHeartbeat(proxy, {
      ...{ ip: "127.0.0.1", server: "vid-dead", service: "1", pid: "1", rtmp: at(), http: at() },
      ...{ api: at(), srt: at(), rtc: at() },
    });
    await using rtmp = await Publisher.open(proxy.rtmpUrl("rtmp?vhost=tv.example&token=secret"));
    await rtmp.end();
    const { httpServer, httpApi, srt } = proxy.ports;
    const http = await fetch(`http://127.0.0.1:${httpServer}/live/http.flv?token=secret`);
    const whip = await fetch(`http://127.0.0.1:${httpApi}/rtc/v1/whip/?app=live&stream=rtc`, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: OFFER,
    });
    for (const response of [http, whip]) await response.body?.cancel();
    const id = "#!::r=live/srt,m=publish";
    await using caller = publish(srtUrl(srt), id, { file, seconds: 5 });
    await caller.end(20_000);
    await until(
      "all told",
      () => new Set(refusalsOf(proxy).map(({ protocol }) => protocol)).size === 4,
    );
    for (const protocol of ["rtmp", "http", "rtc", "srt"]) {
      const refusal = refusalsOf(proxy).find((each) => each.protocol === protocol)!;
      assert.match(String(refusal.stream), new RegExp(`^[\\w.]+/live/${protocol}$`));
      assert.match(String(refusal.client), /^127\.0\.0\.1:\d+$/);
      assert.match(String(refusal.session), /^[0-9a-f]{8}-\w+$/);
      // Deno's sockets do not report that nobody listens there: the caller leaves before the timeout.
      if (protocol !== "srt" || RUN_ENGINE !== "deno") {
        assert.match(String(refusal.tried), /^vid-dead origin_(unreachable|timeout)$/);
      }
      assert.match(String(refusal.code), /^origin_/);
      assert.ok(!JSON.stringify(refusal).includes("secret"));
    }
  },
});
