// The built-in page as a viewer meets it: Chromium opens it at the proxy's HTTP server and plays
// what ffmpeg publishes. SRS_PROXY_SCREENSHOTS names a folder in which the pictures are kept.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Browser } from "../support/browser.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import type { OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/wait.ts";

/** A page that plays, and what it takes to take it down. */
interface Stage {
  readonly proxy: Proxy;
  readonly origin: OriginServer;
  readonly page: Page;
  readonly errors: readonly string[];
}

async function onStage(
  open: (proxy: Proxy) => Promise<OriginServer>,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  await using proxy = await Proxy.open();
  await using origin = await open(proxy);
  await using _registration = await Registration.open([proxy], origin);
  await until("the origin be known", async () => (await registeredOrigins(proxy)).length === 1);
  await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
  await using browser = await Browser.open();
  const url = `http://127.0.0.1:${proxy.ports.httpServer}/`;
  const { page, errors } = await browser.openPage(url);
  await play({ proxy, origin, page, errors });
}

/** Plays by name, as a person would, and waits until the picture moves. */
async function playAndWatch({ page, errors }: Stage, format: string): Promise<void> {
  await page.getByLabel("Stream", { exact: true }).fill("live/show");
  await page.getByRole("radio", { name: format }).check();
  await page.getByRole("button", { name: "Play" }).click();
  const start = await until("the picture move", async () => {
    const time = await currentTime(page);
    return time > 0.2 && time;
  }, { timeout: 20_000, describe: () => errors.join("\n") });
  await until("it go on moving", async () => await currentTime(page) > start + 1.5);
  await page.getByText("Playing live/show").waitFor();
  for (
    const [what, shape] of [["buffer", /^\d+\.\d s$/], ["bitrate", /^[\d.]+ [kM]bit\/s$/]] as const
  ) {
    const seen = page.locator(`[data-measure=${what}]`);
    await until(`the ${what} be shown`, async () => shape.test(await seen.innerText()));
  }
  assert.deepEqual(errors, []);
}

function currentTime(page: Page): Promise<number> {
  return page.evaluate<number>("document.querySelector('video').currentTime");
}

/** Takes a picture of the page that shows a picture. */
async function screenshot({ page }: Stage, name: string): Promise<void> {
  await using temporary = new TempFolder();
  const kept = Deno.env.get("SRS_PROXY_SCREENSHOTS");
  const path = kept ? `${kept}/${name}.png` : temporary.file(`${name}.png`);
  await page.screenshot({ path });
  assert.ok((await Deno.stat(path)).size > 20_000, "more than an empty page");
}

Deno.test("Chromium plays HTTP-FLV on the built-in page", async () => {
  await onStage(() => NodeMediaServer.open(), async (stage) => {
    await playAndWatch(stage, "HTTP-FLV");
    await screenshot(stage, "flv");
  });
});

Deno.test("Chromium plays HLS on the built-in page", async () => {
  await onStage(() => NginxRtmp.open({ hls: true }), async (stage) => {
    await playAndWatch(stage, "HLS");
    await screenshot(stage, "hls");
  });
});

Deno.test({
  name: "Chromium plays HTTP-TS of a real SRS on the built-in page",
  ignore: SRS_BIN === undefined,
  fn: () =>
    onStage(() => Srs.open({ name: "srs", remux: "ts" }), async (stage) => {
      await playAndWatch(stage, "HTTP-TS");
    }),
});

Deno.test("the page says when a stream is not there, and when it ends", async () => {
  await onStage(() => NodeMediaServer.open(), async (stage) => {
    const { page, origin } = stage;
    await page.getByLabel("Stream", { exact: true }).fill("live");
    assert.equal(await page.getByRole("button", { name: "Play" }).isDisabled(), true);
    await playAndWatch(stage, "HTTP-FLV");
    await origin.process.kill();
    const status = page.getByRole("status");
    await until("the page notice", async () => await status.getAttribute("data-phase") === "ended");
    assert.doesNotMatch(await status.innerText(), /127\.0\.0\.1/);
    await page.getByRole("radio", { name: "HLS" }).check();
    await page.getByRole("button", { name: "Play" }).click();
    await until("it be told", async () => await status.getAttribute("data-phase") === "ended");
  });
});
