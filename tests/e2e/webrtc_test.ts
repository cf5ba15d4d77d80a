// WebRTC as people use it: Chromium publishes with WHIP and plays with WHEP on the built-in pages,
// all through the proxy. SRS_PROXY_SCREENSHOTS names a folder for screenshots.

import assert from "node:assert/strict";
import type { Page } from "../support/page.ts";
import { Browser } from "../support/browser.ts";
import { beginOf } from "../support/http_media.ts";
import { freeProxyPorts, Proxy, type ProxyPorts } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { sessionsOf } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilPicture, untilTold } from "../support/web_player.ts";
import { CAMERA_COLOURS, pressStop, publish, untilItFlows } from "../support/web_publisher.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

const CANDIDATE = { PROXY_WEBRTC_CANDIDATE: "127.0.0.1" };

/** Starts a proxy, an origin that is not registered yet and a browser concurrently. */
async function openAll(
  stack: AsyncDisposableStack,
  variables: Record<string, string> = {},
  ports = freeProxyPorts(),
) {
  const [proxy, origin, browser] = await Promise.all([
    Proxy.open({ ...CANDIDATE, ...variables }, ports).then((it) => stack.use(it)),
    WeriftOrigin.open().then((it) => stack.use(it)),
    Browser.open().then((it) => stack.use(it)),
  ]);
  return { proxy, origin, browser };
}

async function intentsOf(proxy: Proxy): Promise<string[]> {
  const sessions = await sessionsOf(proxy);
  return sessions.map(({ protocol, intent }) => `${protocol} ${intent}`).toSorted();
}

function pageUrl(proxy: Proxy, path: string): string {
  return `http://127.0.0.1:${proxy.ports.httpServer}${path}`;
}

/** Waits until a value of that form is shown. */
async function untilShown(page: Page, what: string, shape: RegExp): Promise<void> {
  const seen = page.locator(`[data-measure=${what}]`);
  await until(`the ${what} be shown`, async () => shape.test(await seen.innerText()));
}

Deno.test({
  name: "Chromium publishes with WHIP and plays with WHEP, and ends both at the origin",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const { proxy, origin, browser } = await openAll(stack);
    await using _registration = await Registration.open([proxy], origin);
    const publisher = await browser.openPage(pageUrl(proxy, "/publish"));
    await publish(publisher.page, "Camera");
    await untilShown(publisher.page, "bitrate", /^[\d.]+ [kM]bit\/s$/);
    await untilShown(publisher.page, "frames", /^[1-9]\d*$/);
    const player = await browser.openPage(pageUrl(proxy, "/?format=webrtc#live/show"));
    await untilItMoves(player.page);
    await untilShown(player.page, "bitrate", /^[\d.]+ [kM]bit\/s$/);
    await untilPicture(publisher.page, "whip", CAMERA_COLOURS);
    await untilPicture(player.page, "whep", CAMERA_COLOURS);
    assert.deepEqual(await intentsOf(proxy), ["rtc play", "rtc publish"]);

    await pressStop(player.page);
    await pressStop(publisher.page);
    await untilTold(publisher.page, "Nothing is being published");
    await until("the origin have no session", async () => {
      return (await origin.seen()).sessions.length === 0;
    });
    await until("the proxy have none", async () => (await sessionsOf(proxy)).length === 0);
    // An origin that registers is first asked its version.
    const requests = (await origin.seen()).requests.filter((one) => one.includes(" /rtc/"));
    const [first, ...others] = requests.map((request) => request.split("/session/")[0]);
    assert.deepEqual([first, others.pop()], ["POST /rtc/v1/whip/", "DELETE /rtc/v1/whip"]);
    // If the picture takes long to arrive, the page starts over and ends its previous session.
    const plays = Math.max(1, others.length / 2);
    const play = ["POST /rtc/v1/whep/", "DELETE /rtc/v1/whep"];
    assert.deepEqual(others, Array.from({ length: plays }, () => play).flat());
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
    await untilPicture(publisher.page, "whip_srs", CAMERA_COLOURS);
    await untilPicture(player.page, "whep_srs", CAMERA_COLOURS);
    assert.deepEqual(await intentsOf(proxy), ["rtc play", "rtc publish"]);
    assert.equal(await beginOf(pageUrl(proxy, "/live/show.flv"), 20_000), "FLV");
    assert.deepEqual(await srs.publishedStreams(), ["show"]);

    await pressStop(publisher.page);
    await until("SRS have no stream", async () => (await srs.publishedStreams()).length === 0);
    await until("the session be gone", async () => {
      return !(await intentsOf(proxy)).includes("rtc publish");
    });
    await player.page.close();
    await until("the player's be gone", async () => (await sessionsOf(proxy)).length === 0);
    await publish(publisher.page, "Test picture");
    assert.deepEqual([publisher.errors, player.errors], [[], []]);
  },
});

Deno.test({
  name: "the pages say what is wrong, and accept a token",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const { proxy, origin, browser } = await openAll(stack, { PROXY_API_TOKEN: "of-this-test" });
    const { page } = await browser.openPage(pageUrl(proxy, "/publish#live/show"));
    const button = page.getByRole("button", { name: "Publish" });
    await page.getByRole("radio", { name: "Test picture" }).check();
    await button.click();
    await untilTold(page, "The token is missing or wrong (401)");
    await page.getByLabel("API token").fill("of-this-test");
    await button.click();
    await untilTold(
      page,
      "WebRTC cannot be set up: Cannot serve this stream: no origin has registered (503)",
    );
    await using _registration = await Registration.open([proxy], origin);
    await publish(page, "Test picture");

    const player = await browser.openPage(pageUrl(proxy, "/"));
    await player.page.getByLabel("Stream", { exact: true }).fill("live/other");
    await player.page.getByRole("radio", { name: "WebRTC" }).check();
    await player.page.getByLabel("API token").fill("of-this-test");
    await player.page.getByRole("button", { name: "Play" }).click();
    await untilTold(player.page, /^There is no such stream \(404\)\. Trying again/);
    await player.page.getByLabel("Stream", { exact: true }).fill("live/show");
    await player.page.getByRole("button", { name: "Play" }).click();
    await untilItMoves(player.page);
    await proxy.process.kill();
    await player.page.getByRole("button", { name: "Play" }).click();
    await untilTold(player.page, /^The proxy does not answer\. Trying again/);
  },
});

Deno.test({
  name: "SIGTERM: a running session continues and can be ended, and no other begins",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const { proxy, origin, browser } = await openAll(stack);
    await using _registration = await Registration.open([proxy], origin);
    const { page } = await browser.openPage(pageUrl(proxy, "/publish"));
    await publish(page, "Test picture");
    proxy.process.signal("SIGTERM");
    await until("readiness fail", async () => await proxy.readiness() === 503);
    const url = `http://127.0.0.1:${proxy.ports.httpApi}/rtc/v1/whep/?app=live&stream=show`;
    const refused = await fetch(url, { method: "POST", body: "v=0\r\n" });
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    await refused.body?.cancel();
    await untilItFlows(page);
    await page.getByRole("button", { name: "Stop" }).click();
    assert.deepEqual(await proxy.process.end(), { code: 0, signal: null });
    const { requests } = await origin.seen();
    assert.match(requests.at(-1)!, /^DELETE /);
  },
});

Deno.test({
  name: "two proxies on one Redis: one does the signalling, the other accepts the media",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using redis = await RedisServer.open();
    const [one, other] = [freeProxyPorts(), freeProxyPorts()];
    const variables = (advertised: ProxyPorts) => ({
      PROXY_LOAD_BALANCER_TYPE: "redis",
      PROXY_REDIS_PORT: String(redis.port),
      PROXY_WEBRTC_CANDIDATE: `127.0.0.1:${advertised.webrtc}`,
      PROXY_WEBRTC_CONSENT_TIMEOUT: "4s",
    });
    await using stack = new AsyncDisposableStack();
    const [{ proxy: first, origin, browser }, second] = await Promise.all([
      openAll(stack, variables(other), one),
      Proxy.open(variables(one), other).then((it) => stack.use(it)),
    ]);
    await using _registration = await Registration.open([first], origin);
    await until("both know it", async () => (await registeredOrigins(second)).length === 1);
    const publisher = await browser.openPage(pageUrl(first, "/publish"));
    await publish(publisher.page, "Camera");
    const player = await browser.openPage(pageUrl(second, "/?format=webrtc#live/show"));
    await untilItMoves(player.page);
    assert.deepEqual(await intentsOf(first), ["rtc play"]);
    assert.deepEqual(await intentsOf(second), ["rtc publish"]);

    await pressStop(publisher.page);
    await pressStop(player.page);
    await until("the origin have no session", async () => {
      return (await origin.seen()).sessions.length === 0;
    });
    for (const proxy of [first, second]) {
      await until("the sessions end", async () => (await sessionsOf(proxy)).length === 0);
    }
    assert.deepEqual([publisher.errors, player.errors], [[], []]);
  },
});
