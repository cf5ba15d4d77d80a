// Events of the System API, received over HTTP as by a console.

import assert from "node:assert/strict";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";

Deno.test({
  name: "a listener is told of an origin that comes and goes, and may leave at any time",
  timeout: 30_000,
  async fn() {
    await using proxy = await Proxy.open();
    const gone = new AbortController();
    const { signal } = gone;
    const response = await fetch(proxy.systemUrl("/api/v1/events"), { signal });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    let heard = "";
    const listening = (async () => {
      for await (const text of response.body!.pipeThrough(new TextDecoderStream())) heard += text;
    })().catch(() => {});
    await until("the stream to begin", () => heard.includes("retry:"));
    // What exists when a client starts listening is in the lists, not an event.
    await until("an event", async () => {
      const name = `n${crypto.randomUUID().slice(0, 8)}`;
      await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: 1935 }, "first"));
      return heard.includes("event: origin_added");
    }, { interval: 500 });
    const server = /"server":"(vid-[^"]*)"/.exec(heard)![1]!;
    const path = proxy.systemUrl(`/api/v1/origins/${server}`);
    await (await fetch(path, { method: "DELETE" })).body?.cancel();
    await until("its end", () => heard.includes(`"server":"${server}"}\n\n`));
    assert.match(heard, /event: origin_removed\n/);
    gone.abort();
    await listening;
  },
});
