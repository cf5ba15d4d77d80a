// The play page through a long evening: its stream goes away and comes back, the picture falls behind,
// and a viewer who knows no name looks for one. Chromium, against real origins.
// SRS_PROXY_SCREENSHOTS names a folder in which the pictures are kept.

import assert from "node:assert/strict";
import type { Page } from "../support/page.ts";
import { Browser, type View } from "../support/browser.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import type { OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";
import { secondsBehind, untilItMoves, untilTold } from "../support/web_player.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

/** A proxy with one origin, and a browser. */
interface Stage {
  readonly proxy: Proxy;
  readonly browser: Browser;
  readonly url: string;
}

async function onStage(
  open: () => Promise<OriginServer>,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  await using proxy = await Proxy.open();
  await using origin = await open();
  await using _registration = await Registration.open([proxy], origin);
  await until("the origin be known", async () => (await registeredOrigins(proxy)).length === 1);
  await using browser = await Browser.open();
  await play({ proxy, browser, url: `http://127.0.0.1:${proxy.ports.httpServer}/` });
}

async function screenshot(page: Page, name: string): Promise<void> {
  const kept = Deno.env.get("SRS_PROXY_SCREENSHOTS");
  if (kept) await page.screenshot({ path: `${kept}/${name}.png` });
}

/** The publisher goes for good and another one comes, twice; nobody touches the page. */
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
      // node-media-server keeps the last pictures of a stream for a while and hands them out once more.
      await untilTold(page, /^(?!Playing)/);
      publisher = await Publisher.publish(proxy.rtmpUrl("show"));
      await untilTold(page, "Playing live/show", 40_000);
      await untilItMoves(page);
    }
  } finally {
    await publisher[Symbol.asyncDispose]();
  }
}

Deno.test("a stream that comes back is played again by itself: HTTP-FLV", async () => {
  await onStage(() => NodeMediaServer.open(), (stage) => comesBack(stage, "flv"));
});

Deno.test("a stream that comes back is played again by itself: HLS", async () => {
  await onStage(() => NginxRtmp.open({ hls: true }), (stage) => comesBack(stage, "hls"));
});

for (const format of ["flv", "hls"]) {
  Deno.test({
    name: `a stream that comes back is played again by itself: ${format} of a real SRS`,
    ignore: SRS_BIN === undefined,
    fn: () => onStage(() => Srs.open({ name: "srs" }), (stage) => comesBack(stage, format)),
  });
}

Deno.test({
  name: "a stream that comes back is played again by itself: WebRTC",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([proxy], origin);
    await using browser = await Browser.open();
    const url = `http://127.0.0.1:${proxy.ports.httpServer}`;
    const { page: publisher } = await browser.openPage(`${url}/publish#live/show`);
    const publish = publisher.getByRole("button", { name: "Publish" });
    await publisher.getByRole("radio", { name: "Test picture" }).check();
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

/** The viewer pauses for some seconds: what has come meanwhile is not played at leisure. */
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

Deno.test("a pause during which the stream ends is the viewer's to end", async () => {
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

const PHONE: View = { width: 360, height: 740, colorScheme: "dark" };

Deno.test("a viewer who knows no name finds what is live and plays it by a click", async () => {
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

Deno.test("the list is used by keyboard alone, on a phone", async () => {
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

Deno.test("PROXY_PLAYER_LIST=off keeps the list from everybody, and the page does without", async () => {
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
