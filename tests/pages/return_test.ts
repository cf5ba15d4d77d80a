// The play page when its stream ends and returns. Chromium, against real origins.
// SRS_PROXY_SCREENSHOTS names a folder for screenshots.

import { Browser } from "../support/browser.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilTold } from "../support/web_player.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";
import { onStage, screenshot, type Stage } from "../support/page_stage.ts";

/** The publisher leaves and another one comes, twice, without any user action on the page. */
async function comesBack({ proxy, browser, url }: Stage, format: string): Promise<void> {
  let publisher = await Publisher.publish(proxy.rtmpUrl("show"));
  try {
    const { page } = await browser.openPage(`${url}?format=${format}#live/show`);
    await untilItMoves(page);
    for (let time = 0; time < 2; time++) {
      await publisher[Symbol.asyncDispose]();
      await untilTold(page, /Trying again in \d+ s …$/, 40_000);
      await screenshot(page, `${format}_gone`);
      await until("several attempts", async () => {
        return /Waiting for|(?:[2-9]|1\d) s …$/.test(await page.getByRole("status").innerText());
      });
      // node-media-server keeps the last frames of a stream for a while and sends them again.
      await untilTold(page, /^(?!Playing)/);
      publisher = await Publisher.publish(proxy.rtmpUrl("show"));
      await untilTold(page, "Playing live/show", 40_000);
      await untilItMoves(page);
    }
  } finally {
    await publisher[Symbol.asyncDispose]();
  }
}

Deno.test("a stream that returns is played again automatically: HTTP-FLV", async () => {
  await onStage(() => NodeMediaServer.open(), (stage) => comesBack(stage, "flv"));
});

Deno.test("a stream that returns is played again automatically: HLS", async () => {
  await onStage(() => NginxRtmp.open({ hls: true }), (stage) => comesBack(stage, "hls"));
});

for (const format of ["flv", "hls"]) {
  Deno.test({
    name: `a stream that returns is played again automatically: ${format} of a real SRS`,
    ignore: SRS_BIN === undefined,
    fn: () => onStage(() => Srs.open({ name: "srs" }), (stage) => comesBack(stage, format)),
  });
}

Deno.test({
  name: "a stream that returns is played again automatically: WebRTC",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([proxy], origin);
    await using browser = await Browser.open();
    const url = `http://127.0.0.1:${proxy.ports.httpServer}`;
    const { page: publisher } = await browser.openPage(`${url}/publish#live/show`);
    const publish = publisher.getByRole("button", { name: "Publish" });
    await publisher.getByRole("radio", { name: "Camera" }).check();
    await publish.click();
    await untilTold(publisher, "Publishing live/show");
    const { page } = await browser.openPage(`${url}/?format=webrtc#live/show`);
    await untilItMoves(page);
    for (let time = 0; time < 2; time++) {
      await publisher.getByRole("button", { name: "Stop" }).click();
      await untilTold(page, /Trying again in \d+ s …$/, 30_000);
      await publish.click();
      await untilTold(publisher, "Publishing live/show");
      await untilTold(page, "Playing live/show", 30_000);
      await untilItMoves(page);
    }
  },
});

Deno.test("if the stream ends while paused, the viewer decides when to play again", async () => {
  await onStage(() => NodeMediaServer.open(), async ({ proxy, browser, url }) => {
    const publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    const { page } = await browser.openPage(`${url}#live/show`);
    await untilItMoves(page);
    await page.evaluate("document.querySelector('video').pause()");
    await publisher[Symbol.asyncDispose]();
    await proxy.process.kill();
    await untilTold(page, "Paused, and the stream has ended meanwhile: play to try again");
    await page.evaluate("document.querySelector('video').play().catch(() => {})");
    await untilTold(page, /Trying again in/);
  });
});
