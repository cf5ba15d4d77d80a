// Events of the System API, received over HTTP as by a console, and posted to a receiver.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, Registration, sendHeartbeat } from "../support/register.ts";
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
    // What exists when a client starts listening is in the lists, not an event.
    await registerAnother(proxy);
    await until("an event", () => heard.includes("event: origin_added"));
    const server = /"server":"(vid-[^"]*)"/.exec(heard)![1]!;
    const path = proxy.systemUrl(`/api/v1/origins/${server}`);
    await (await fetch(path, { method: "DELETE" })).body?.cancel();
    await until("its end", () => heard.includes(`"server":"${server}"}\n\n`));
    assert.match(heard, /event: origin_removed\n/);
    gone.abort();
    await listening;
  },
});

/** Listens from after an event on, or from now on. @returns waits for an event, and for all before it */
async function listen(proxy: Proxy, after?: string): Promise<(last: string) => Promise<Heard[]>> {
  const gone = new AbortController();
  const headers = new Headers(after === undefined ? {} : { "last-event-id": after });
  const { body } = await fetch(proxy.systemUrl("/api/v1/events"), { headers, signal: gone.signal });
  const events = body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  return async (last) => {
    const heard: Heard[] = [];
    for await (const { id, event, data } of events) {
      heard.push({ id: id!, type: event!, data: JSON.parse(data) });
      if (event === last) break;
    }
    gone.abort();
    return heard;
  };
}

interface Heard {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

Deno.test({
  name: "a stream that begins and ends while its only listener is away is reported on its return",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    const hear = await listen(proxy);
    const publisher = await Publisher.publish(proxy.rtmpUrl("first"));
    await using _publisher = publisher;
    const begun = await hear("stream_started");
    assert.deepEqual(begun.map(({ type }) => type).toSorted(), [
      "session_opened",
      "stream_started",
    ]);
    const again = await Publisher.publish(proxy.rtmpUrl("second"));
    await using _again = again;
    await publisher[Symbol.asyncDispose]();
    await until("its end", async () => {
      const text = await fetchText(proxy.systemUrl("/api/v1/streams?live=true"));
      return JSON.parse(text).total === 1;
    });
    const missed = await (await listen(proxy, begun.at(-1)!.id))("stream_ended");
    const told = missed.map(({ type, data }) => `${type} ${data["stream"]}`).toSorted();
    assert.deepEqual(told, [
      "session_closed __defaultVhost__/live/first",
      "session_opened __defaultVhost__/live/second",
      "stream_ended __defaultVhost__/live/first",
      "stream_started __defaultVhost__/live/second",
    ]);
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
    await registerAnother(proxy);
    await until("an event", () => posted.length > 0);
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
