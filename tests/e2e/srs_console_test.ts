// SRS's own console, as it is in SRS's source tree, in a browser: with the proxy's address it shows
// what two real SRS have, and ends a client at the right one.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { registeredOrigins } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

const FOLDER = SRS_BIN?.replace(/\/objs\/[^/]+$/, "/research/console");
const STREAMS = ["s0", "s1", "s2", "s3"];

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

Deno.test({
  name: "SRS's own console shows the streams and clients of two SRS, and ends one client",
  ignore: FOLDER === undefined || !isFolder(FOLDER),
  timeout: 120_000,
  async fn() {
    const all = freeProxyPorts();
    const ports = { ...all, httpApi: all.httpServer };
    await using proxy = await Proxy.open({ PROXY_STATIC_FILES: FOLDER! }, ports);
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using one = await Srs.open({ name: "one", heartbeatUrl });
    await using two = await Srs.open({ name: "two", heartbeatUrl });
    await until("both SRS register", async () => (await registeredOrigins(proxy)).length === 2);
    await using stack = new AsyncDisposableStack();
    for (const name of STREAMS) stack.use(await Publisher.publish(proxy.rtmpUrl(name)));
    for (const srs of [one, two]) assert.equal((await srs.publishedStreams()).length, 2);
    const viewers = ["s0", "s3"].map((name) => stack.use(new Viewer(proxy.rtmpUrl(name))));
    for (const viewer of viewers) await viewer.moreVideo(5);

    await using browser = await Browser.open();
    const at = `http://127.0.0.1:${ports.httpServer}/en_index.html`;
    const { page } = await browser.openPage(at);
    const show = async (route: string) => {
      await page.goto(`${at}#/${route}?host=127.0.0.1&port=${ports.httpServer}&schema=http`);
    };
    await show("streams");
    for (const name of STREAMS) await page.locator(`td:text-is("${name}")`).waitFor();
    const rows = (kind: string, url = "") => {
      return page.locator(`tr:has-text("${url}"):has-text("${kind}")`);
    };
    /** The console reads this list only when it is opened. */
    const untilClients = async (publishers: number, players: number) => {
      await until(`${publishers} publishers and ${players} players`, async () => {
        await show("streams");
        await page.locator(`td:text-is("${STREAMS[0]}")`).waitFor();
        await show("clients");
        await rows("fmle-publish").first().waitFor();
        return await rows("fmle-publish").count() === publishers &&
          await rows("rtmp-play").count() === players;
      }, { timeout: 20_000, interval: 500 });
    };
    await untilClients(4, 2);
    await rows("rtmp-play", "/live/s3").getByText("Kickoff It").click();
    await viewers[1]!.process.end(20_000);
    await untilClients(4, 1);
    await viewers[0]!.moreVideo(10);
  },
});
