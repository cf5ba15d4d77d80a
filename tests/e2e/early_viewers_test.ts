// HTTP viewers that arrive before their publisher, and viewers that request a format that the
// stream's origin does not offer, with real SRS: it lets the former wait, and answers the latter
// with 404.

import assert from "node:assert/strict";
import { Publisher } from "../support/ffmpeg.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { registeredOrigins } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { pause, until } from "../support/wait.ts";

const ANSWER = 1_000;

Deno.test({
  name: "SRS: viewers that arrive before the publisher see the stream once it begins",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_ORIGIN_ANSWER_TIMEOUT: `${ANSWER}ms` });
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using _one = await Srs.open({ name: "srs-1", heartbeatUrl });
    await using _two = await Srs.open({ name: "srs-2", heartbeatUrl });
    await until("both SRS registered", async () => (await registeredOrigins(proxy)).length === 2);
    const early = await Promise.all(
      ["s0", "s1", "s2", "s3"].map(async (stream) => {
        const client = await RawHttp.connect(proxy.ports.httpServer);
        await client.send(requestText(`/live/${stream}.flv`));
        return { stream, client };
      }),
    );
    await pause(3 * ANSWER);
    for (const { stream, client } of early) {
      await using _publisher = await Publisher.publish(proxy.rtmpUrl(stream));
      const head = await client.head();
      assert.equal(head.status, 200, stream);
      await new RawBody(client, head).atLeast(50_000, () => {});
      client[Symbol.dispose]();
    }
    const metrics = await fetchText(proxy.systemUrl("/metrics"));
    assert.doesNotMatch(metrics, /refused_total\{reason="origin_timeout"\} [1-9]/);
  },
});

Deno.test({
  name: "SRS: a live stream not offered in a format gets 404 with that reason",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using _srs = await Srs.open({ name: "srs-1", heartbeatUrl, remux: "ts" });
    await until("SRS registered", async () => (await registeredOrigins(proxy)).length === 1);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    for (const format of ["flv", "m3u8"]) {
      const { status, head, body } = await RawHttp.ask(
        proxy.ports.httpServer,
        `/live/x.${format}`,
      );
      assert.equal(status, 404);
      assert.match(head.text, /^HTTP\/1\.1 404 Not Offered\r\n/);
      assert.match(body, new RegExp(`does not offer it as \\.${format}`));
    }
  },
});
