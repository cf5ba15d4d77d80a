// Events of the System API, received over HTTP as by a console, and posted to a receiver.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
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
      await registerAnother(proxy);
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

async function registerAnother(proxy: Proxy): Promise<void> {
  const name = `n${crypto.randomUUID().slice(0, 8)}`;
  await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: 1935 }, "first"));
}

interface Posted {
  readonly signature: string | null;
  readonly text: string;
}

Deno.test({
  name: "events are posted to PROXY_EVENTS_URL, signed, and again after a failure",
  timeout: 30_000,
  async fn() {
    const posted: Posted[] = [];
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    await using receiver = Deno.serve(options, async (request) => {
      const signature = request.headers.get("x-srs-proxy-signature");
      posted.push({ signature, text: await request.text() });
      return new Response(null, { status: posted.length === 1 ? 503 : 204 });
    });
    await using proxy = await Proxy.open({
      PROXY_EVENTS_URL: `http://127.0.0.1:${receiver.addr.port}/in`,
      PROXY_EVENTS_SECRET: "key",
    });
    await until("an event", async () => {
      await registerAnother(proxy);
      return posted.length > 0;
    }, { interval: 500 });
    await until("it again", () => posted.length > 1);
    assert.equal(posted[1]!.text, posted[0]!.text);
    for (const { signature, text } of posted) {
      assert.equal(signature, `sha256=${createHmac("sha256", "key").update(text).digest("hex")}`);
    }
    const { events } = JSON.parse(posted[0]!.text);
    const added = events.find(({ type }: { readonly type: string }) => type === "origin_added");
    assert.match(added.data.server, /^vid-n/);
  },
});
