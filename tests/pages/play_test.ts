// The built-in play page: Chromium opens it at the proxy's HTTP server and plays what ffmpeg
// publishes.

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
import { keepTold, untilItHasTold, untilPicture, untilTold } from "../support/web_player.ts";

/** A playing page, and its proxy and publisher. */
interface Stage {
  readonly proxy: Proxy;
  readonly origin: OriginServer;
  readonly publisher: Publisher;
  readonly page: Page;
  readonly errors: readonly string[];
}

async function onStage(
  open: (proxy: Proxy) => Promise<OriginServer>,
  play: (stage: Stage) => Promise<void>,
  view?: View,
): Promise<void> {
  await using proxy = await Proxy.open();
  await using origin = await open(proxy);
  await using _registration = await Registration.open([proxy], origin);
  await until("the origin be known", async () => (await registeredOrigins(proxy)).length === 1);
  await using publisher = await Publisher.publish(proxy.rtmpUrl("show"));
  await using browser = await Browser.open();
  const url = `http://127.0.0.1:${proxy.ports.httpServer}/`;
  const { page, errors } = await browser.openPage(url, view);
  await play({ proxy, origin, publisher, page, errors });
}

/** Plays a stream by name, as a person would, and waits until the picture moves. */
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

Deno.test("Chromium plays HTTP-FLV on the built-in page", async () => {
  await onStage(() => NodeMediaServer.open(), async (stage) => {
    await playAndWatch(stage, "HTTP-FLV");
    await untilPicture(stage.page, "flv");
  });
});

Deno.test("Chromium plays HLS on the built-in page", async () => {
  await onStage(() => NginxRtmp.open({ hls: true }), async (stage) => {
    // The page would retry, but the browser would log errors about what is not there yet.
    await until("a playlist", async () => {
      const url = `http://127.0.0.1:${stage.proxy.ports.httpServer}/live/show.m3u8`;
      const response = await fetch(url);
      await response.body?.cancel();
      return response.ok;
    });
    await playAndWatch(stage, "HLS");
    await untilPicture(stage.page, "hls");
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

const PHONE: View = { width: 360, height: 740, colorScheme: "dark" };

Deno.test("the page can be used with only the keyboard, on a phone and in dark mode", async () => {
  await onStage(() => NodeMediaServer.open(), async (stage) => {
    const { page, errors } = stage;
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Publish a stream");
    await page.keyboard.press("Tab");
    await page.keyboard.type("live/show");
    await page.keyboard.press("Enter");
    await page.getByText("Playing live/show").waitFor();
    assert.match(page.url(), /#live\/show$/, "a URL that can be shared");
    const shown = await page.evaluate(`({
      width: document.documentElement.scrollWidth,
      ground: getComputedStyle(document.body).backgroundColor,
    })`);
    assert.deepEqual(shown, { width: PHONE.width, ground: "rgb(15, 18, 22)" });
    await untilPicture(stage.page, "phone");
    assert.deepEqual(errors, []);
  }, PHONE);
});

/** Opens a URL anew, even if only its fragment differs. */
async function follow({ page }: Stage, url: string): Promise<void> {
  await page.goto("about:blank");
  await page.goto(url);
}

Deno.test("the page says what is wrong with a stream that does not arrive, and tries again", async () => {
  await onStage(() => NodeMediaServer.open(), async (stage) => {
    const { page, proxy, publisher, origin } = stage;
    const url = `http://127.0.0.1:${proxy.ports.httpServer}/`;
    const again = /Trying again in \d+ s …$/;
    await page.getByLabel("Stream", { exact: true }).fill("live");
    assert.equal(await page.getByRole("button", { name: "Play" }).isDisabled(), true);
    await follow(stage, `${url}?format=hls#live/nobody`);
    await untilTold(page, /^There is no such stream \(404\)\. Trying again in [12] s …$/);
    await untilTold(page, /in [34567] s …$/);
    await follow(stage, `${url}?format=hls#live/show`);
    await untilTold(
      page,
      /^The origin of this stream does not offer it in this format, or not yet \(404\)\. Trying/,
    );
    await follow(stage, `${url}#live/other`);
    await untilTold(page, "Nothing has arrived yet: is live/other being published?");
    await follow(stage, `${url}#live/show`);
    await untilTold(page, "Playing live/show");
    // Messages may disappear at once, because it retries automatically, and the origin may play what
    // it has kept; and it learns of a lost connection only if the origin had begun to answer.
    await keepTold(page);
    await publisher.process.kill();
    await untilItHasTold(page, again);
    await untilItHasTold(page, /^Nothing is arriving any more\. Waiting for live\/show …$/);
    await origin.process.kill();
    await untilItHasTold(page, /^The stream is not available at the moment \(502\)\. Trying/);
    await proxy.process.kill();
    await untilTold(page, /^The proxy does not answer\. Trying/, 40_000);
    await page.getByRole("button", { name: "Stop" }).click();
    await untilTold(page, "Nothing is being played");
  });
});
