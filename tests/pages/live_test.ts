// The play page with a live stream: a picture that falls behind, and the list of live streams.
// Chromium, against real origins. SRS_PROXY_SCREENSHOTS names a folder for screenshots.

import assert from "node:assert/strict";
import { Browser, type View } from "../support/browser.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { Proxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";
import { secondsBehind, untilItMoves } from "../support/web_player.ts";
import { onStage, screenshot, type Stage } from "../support/page_stage.ts";

/**
 * The viewer pauses for some seconds; afterwards the page catches up instead of playing everything.
 */
async function catchesUp({ proxy, browser, url }: Stage, format: string): Promise<void> {
  await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
  const { page } = await browser.openPage(`${url}?format=${format}#live/show`);
  await untilItMoves(page);
  const usual = await secondsBehind(page);
  await page.evaluate("document.querySelector('video').pause()");
  await until("it fall behind", async () => await secondsBehind(page) > usual + 10, {
    timeout: 30_000,
  });
  await page.evaluate("document.querySelector('video').play()");
  await until("it catch up", async () => await secondsBehind(page) < usual + 3, { timeout: 5_000 });
  await untilItMoves(page);
}

Deno.test("a picture that has fallen behind catches up: HTTP-FLV", async () => {
  await onStage(() => NodeMediaServer.open(), (stage) => catchesUp(stage, "flv"));
});

Deno.test("a picture that has fallen behind catches up: HLS", async () => {
  await onStage(() => NginxRtmp.open({ hls: true }), (stage) => catchesUp(stage, "hls"));
});

const PHONE: View = { width: 360, height: 740, colorScheme: "dark" };

Deno.test("a viewer without a stream name finds what is live and plays it with a click", async () => {
  await onStage(() => NodeMediaServer.open(), async ({ proxy, browser, url }) => {
    const { page, errors } = await browser.openPage(url);
    await page.getByText("Nobody is publishing at the moment.").waitFor();
    const field = page.getByLabel("Stream", { exact: true });
    assert.equal(await field.inputValue(), "", "no name that does not exist");
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    await using _other = await Publisher.publish(proxy.rtmpUrl("another-show"));
    const show = page.getByRole("button", { name: "live/show" });
    await show.waitFor();
    assert.equal(await show.innerText(), "live/show\nRTMP · HTTP-FLV · HTTP-TS · HLS");
    assert.match(await field.inputValue(), /^live\/(?:another-)?show$/);
    await show.click();
    await untilItMoves(page);
    assert.equal(await show.getAttribute("aria-pressed"), "true");
    assert.match(page.url(), /#live\/show$/);
    const { rtmp, srt } = proxy.ports;
    const addresses = { RTMP: `rtmp://127.0.0.1:${rtmp}/live/show`, SRT: "" };
    addresses.SRT = `srt://127.0.0.1:${srt}?streamid=#!::r=live/show,m=request`;
    for (const [label, address] of Object.entries(addresses)) {
      assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), address);
      assert.ok(await page.getByRole("button", { name: `Copy the ${label} address` }).isVisible());
    }
    await screenshot(page, "live_list");
    assert.deepEqual(errors, []);
  });
});

Deno.test("the list can be used with only the keyboard, on a phone", async () => {
  await onStage(() => NodeMediaServer.open(), async ({ proxy, browser, url }) => {
    const long = "a-stream-with-a-name-that-is-much-too-long-for-any-telephone-that-there-is";
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    await using _other = await Publisher.publish(proxy.rtmpUrl(long));
    const { page, errors } = await browser.openPage(url, PHONE);
    await page.getByRole("button", { name: long }).waitFor();
    const focused = () => page.evaluate<string>("document.activeElement.innerText ?? ''");
    await until("the focus be on the stream", async () => {
      await page.keyboard.press("Tab");
      return (await focused()).startsWith("live/show\n");
    });
    await page.keyboard.press("Enter");
    await untilItMoves(page);
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), PHONE.width);
    await screenshot(page, "live_list_phone");
    assert.deepEqual(errors, []);
  });
});

Deno.test("PROXY_PLAYER_LIST=off hides the list from everybody, and the page works without it", async () => {
  await using proxy = await Proxy.open({ PROXY_PLAYER_LIST: "off" });
  await using browser = await Browser.open();
  const url = `http://127.0.0.1:${proxy.ports.httpServer}/`;
  const { page, errors } = await browser.openPage(url);
  await page.getByText("Nothing is being played").waitFor();
  assert.equal(await page.getByText("Live now").count(), 0);
  const response = await fetch(`${url}api/v1/streams/live`);
  await response.body?.cancel();
  assert.equal(response.status, 404);
  assert.deepEqual(errors, []);
});
