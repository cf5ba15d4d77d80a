// Recordings on the HTTP servers of origins, found through the proxy whichever origin has them.

import assert from "node:assert/strict";
import { testFile } from "../support/ffmpeg.ts";
import { fetchWhole, mediaUrl } from "../support/http_media.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

const ON = { PROXY_ORIGIN_FILES: "on" };

/** @param hasRanges false for SRS, which serves FLV whole or from `?start=` on */
async function assertFound(proxy: Proxy, path: string, hasRanges = true): Promise<void> {
  const file = await Deno.readFile(await testFile());
  const whole = await fetchWhole(mediaUrl(proxy, path));
  assert.equal(whole.status, 200, path);
  assert.deepEqual(whole.body, file);
  if (!hasRanges) return;
  const headers = { range: "bytes=100-199" };
  const part = await fetchWhole(mediaUrl(proxy, path), { headers });
  assert.equal(part.status, 206, path);
  assert.deepEqual(part.body, file.slice(100, 200));
}

Deno.test("nginx-rtmp: a recording is found at the one of two origins that has it", async () => {
  await using proxy = await Proxy.open(ON);
  await using one = await NginxRtmp.open({ name: "one" });
  await using two = await NginxRtmp.open({ name: "two" });
  await using _first = await Registration.open([proxy], one);
  await using _second = await Registration.open([proxy], two);
  await one.addFile("/live/a.flv", await testFile());
  await two.addFile("/live/b.flv", await testFile());
  for (const path of ["/live/a.flv", "/live/b.flv"]) await assertFound(proxy, path);
  const { status } = await fetchWhole(mediaUrl(proxy, "/live/none.mp4"));
  assert.equal(status, 404);
});

Deno.test({
  name: "SRS: a recording is found at the one of two origins that has it",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open(ON);
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using one = await Srs.open({ name: "srs-1", heartbeatUrl });
    await using two = await Srs.open({ name: "srs-2", heartbeatUrl });
    await until("both SRS registered", async () => (await registeredOrigins(proxy)).length === 2);
    await one.addFile("/live/a.mp4", await testFile());
    await two.addFile("/live/b.mp4", await testFile());
    await two.addFile("/rec/2026/11/show.flv", await testFile());
    for (const path of ["/live/a.mp4", "/live/b.mp4"]) await assertFound(proxy, path);
    await assertFound(proxy, "/rec/2026/11/show.flv", false);
  },
});
