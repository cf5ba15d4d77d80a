// WebRTC as people use it: Chromium publishes by WHIP and plays by WHEP on the built-in pages, all of
// it through the proxy. SRS_PROXY_SCREENSHOTS names a folder in which the pictures are kept.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Browser } from "../support/browser.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/wait.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

const CANDIDATE = { PROXY_WEBRTC_CANDIDATE: "127.0.0.1" };

interface SessionsAnswer {
  readonly sessions: readonly { readonly protocol: string; readonly intent: string }[];
}

async function sessionsOf(proxy: Proxy): Promise<string[]> {
  const answer: SessionsAnswer = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/sessions")));
  return answer.sessions.map(({ protocol, intent }) => `${protocol} ${intent}`).toSorted();
}

function pageUrl(proxy: Proxy, path: string): string {
  return `http://127.0.0.1:${proxy.ports.httpServer}${path}`;
}

async function publish(page: Page, source: string): Promise<void> {
  await page.getByLabel("Stream", { exact: true }).fill("live/show");
  await page.getByRole("radio", { name: source }).check();
  await page.getByRole("button", { name: "Publish" }).click();
  await untilTold(page, "Publishing live/show");
}

/** Waits until a page tells its viewer something. */
async function untilTold(page: Page, sentence: string): Promise<void> {
  const status = page.getByRole("status");
  let seen = "";
  const look = async () => (seen = await status.innerText()) === sentence;
  await until(sentence, look, { timeout: 20_000, describe: () => seen });
}

/** Waits until decoded pictures follow each other. */
async function untilItMoves(page: Page): Promise<void> {
  const frames = () =>
    page.evaluate<number>(
      "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames",
    );
  const first = await until("a picture", async () => await frames() || undefined, {
    timeout: 20_000,
  });
  await until("thirty more", async () => await frames() > first + 30);
  await untilTold(page, "Playing live/show");
}

async function screenshot(page: Page, name: string): Promise<void> {
  await using temporary = new TempFolder();
  const kept = Deno.env.get("SRS_PROXY_SCREENSHOTS");
  const path = kept ? `${kept}/${name}.png` : temporary.file(`${name}.png`);
  await page.screenshot({ path });
  assert.ok((await Deno.stat(path)).size > 20_000, "more than an empty page");
}

/** Waits until a number is shown in that shape. */
async function untilShown(page: Page, what: string, shape: RegExp): Promise<void> {
  const seen = page.locator(`[data-measure=${what}]`);
  await until(`the ${what} be shown`, async () => shape.test(await seen.innerText()));
}

Deno.test({
  name: "Chromium publishes by WHIP and plays by WHEP, and ends both at the origin",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using proxy = await Proxy.open(CANDIDATE);
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([proxy], origin);
    await using browser = await Browser.open();
    const publisher = await browser.openPage(pageUrl(proxy, "/publish"));
    await publish(publisher.page, "Camera");
    await untilShown(publisher.page, "bitrate", /^[\d.]+ [kM]bit\/s$/);
    await untilShown(publisher.page, "frames", /^[1-9]\d*$/);
    const player = await browser.openPage(pageUrl(proxy, "/?format=webrtc#live/show"));
    await untilItMoves(player.page);
    await untilShown(player.page, "bitrate", /^[\d.]+ [kM]bit\/s$/);
    await screenshot(publisher.page, "whip");
    await screenshot(player.page, "whep");
    assert.deepEqual(await sessionsOf(proxy), ["rtc play", "rtc publish"]);

    await player.page.getByRole("button", { name: "Stop" }).click();
    await publisher.page.getByRole("button", { name: "Stop" }).click();
    await untilTold(publisher.page, "Nothing is being published");
    await until("the origin have no session", async () => {
      return (await origin.seen()).sessions.length === 0;
    });
    await until("the proxy have none", async () => (await sessionsOf(proxy)).length === 0);
    const { requests } = await origin.seen();
    assert.deepEqual(requests.map((request) => request.split("/session/")[0]), [
      "POST /rtc/v1/whip/",
      "POST /rtc/v1/whep/",
      "DELETE /rtc/v1/whep",
      "DELETE /rtc/v1/whip",
    ]);
    assert.deepEqual([publisher.errors, player.errors], [[], []]);
  },
});

Deno.test({
  name: "Chromium and a real SRS: published by WHIP, played by WHEP and over HTTP-FLV",
  ignore: SRS_BIN === undefined,
  async fn() {
    await using proxy = await Proxy.open(CANDIDATE);
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using srs = await Srs.open({ name: "srs", rtc: true, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(proxy)).length === 1);
    await using browser = await Browser.open();
    const publisher = await browser.openPage(pageUrl(proxy, "/publish"));
    await publish(publisher.page, "Test picture");
    const player = await browser.openPage(pageUrl(proxy, "/?format=webrtc#live/show"));
    await untilItMoves(player.page);
    await screenshot(publisher.page, "whip_srs");
    await screenshot(player.page, "whep_srs");
    await follow(player.page, pageUrl(proxy, "/?format=flv#live/show"));
    await untilItMoves(player.page);
    assert.deepEqual(await sessionsOf(proxy), ["http play", "rtc publish"]);
    assert.deepEqual(await srs.publishedStreams(), ["show"]);
    assert.deepEqual(player.errors, []);

    await publisher.page.getByRole("button", { name: "Stop" }).click();
    await until("SRS have no stream", async () => (await srs.publishedStreams()).length === 0);
    await until("the session be gone", async () => {
      return !(await sessionsOf(proxy)).includes("rtc publish");
    });
    await publish(publisher.page, "Test picture");
    assert.deepEqual(publisher.errors, []);
  },
});

/** Opens an address afresh, although it may differ in what follows its number sign only. */
async function follow(page: Page, url: string): Promise<void> {
  await page.goto("about:blank");
  await page.goto(url);
}
