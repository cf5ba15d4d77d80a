// A stream that begins and then falls silent, on the play page: a viewer who leaves it leaves no connection
// behind. Browsers open only six to one server, so a page that retries would soon have none left.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { HttpOrigin } from "../support/http_origin.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { sessionsOf } from "../support/sessions.ts";
import { until } from "../support/wait.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n";
/** The header of an FLV file with video (Adobe FLV specification, annex E.2), and nothing after it. */
const BEGIN = "FLV\x01\x01\0\0\0\x09\0\0\0\0";
/** More than a browser has for one server. */
const ATTEMPTS = 8;

Deno.test({
  name: "whoever stops playing a silent stream is gone, however often that happens",
  timeout: 60_000,
  async fn() {
    await using origin = new HttpOrigin((path) => {
      return path.endsWith(".flv") ? (exchange) => exchange.write(HEAD + BEGIN) : undefined;
    });
    await using proxy = await Proxy.open();
    const { httpPort, rtmpPort } = origin;
    await sendHeartbeat(proxy, heartbeatOf({ name: "o", rtmpPort, httpPort }, "1"));
    await using browser = await Browser.open();
    const url = `http://127.0.0.1:${proxy.ports.httpServer}/`;
    const { page, errors } = await browser.openPage(url);
    await page.getByLabel("Stream", { exact: true }).fill("live/show");
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await page.getByRole("button", { name: "Play" }).click();
      await until("the viewer", async () => (await sessionsOf(proxy)).length === 1);
      await page.getByRole("button", { name: "Stop" }).click();
      await until("it to leave", async () => (await sessionsOf(proxy)).length === 0);
    }
    assert.deepEqual(errors, []);
  },
});
