// The publish page when its origin or the proxy dies. Chromium, against real origins.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { until } from "../support/wait.ts";
import { untilTold } from "../support/web_player.ts";
import { pressStop, publish, untilItFlows } from "../support/web_publisher.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

Deno.test({
  name: "a page whose origin dies publishes to another one by itself, until it is stopped",
  ignore: !WERIFT_RUNS,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    await using origin = await WeriftOrigin.open();
    await using other = await WeriftOrigin.open("other");
    await using browser = await Browser.open();
    const { page, errors } = await browser.openPage(
      `http://127.0.0.1:${proxy.ports.httpServer}/publish`,
    );
    {
      await using _registration = await Registration.open([proxy], origin);
      await publish(page, "Camera");
    }
    await using _registration = await Registration.open([proxy], other);
    await origin.process.kill();
    const look = async () => (await other.seen()).sessions.length === 1;
    await until("the other origin have it", look, { timeout: 60_000 });
    await untilTold(page, "Publishing live/show");
    await untilItFlows(page);
    await proxy.process.kill();
    await untilTold(page, /^The proxy does not answer\. Trying again in \d+ s …$/, 60_000);
    await pressStop(page);
    await untilTold(page, "Nothing is being published");
    assert.deepEqual(errors.filter((error) => !error.startsWith("Failed to load resource")), []);
  },
});
