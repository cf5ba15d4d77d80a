import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { EventFeed } from "./event_feed.ts";
import { Webhook } from "./webhook.ts";

interface Sent {
  readonly body: string;
  readonly signature: string | null;
}

/** A webhook whose receiver answers with these statuses, repeating the last one. */
function openWebhook(statuses: number[], secret?: string) {
  const clock = new VirtualClock();
  const feed = new EventFeed({ onDropped: () => {} });
  const sent: Sent[] = [];
  const dropped: number[] = [];
  const webhook = new Webhook({
    ...{ clock, events: feed, url: "http://hooks.example/in?key=secret", secret },
    send: async (request) => {
      const signature = request.headers.get("x-srs-proxy-signature");
      sent.push({ body: await request.text(), signature });
      const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!;
      if (status === 0) throw new Error("nobody there");
      return status;
    },
    onDropped: (count) => void dropped.push(count),
  });
  const streamsOf = ({ body }: Sent): unknown[] => {
    const { events } = JSON.parse(body) as { events: { data: { stream: unknown } }[] };
    return events.map(({ data }) => data.stream);
  };
  return { clock, feed, sent, dropped, webhook, streamsOf };
}

Deno.test("events are sent in order, signed with the secret", async () => {
  const { clock, feed, sent, webhook, streamsOf } = openWebhook([200], "key");
  await using _webhook = webhook;
  for (let stream = 0; stream < 250; stream++) feed.tell("stream_started", { stream });
  await clock.pass(100);
  assert.deepEqual(sent.flatMap(streamsOf), Array.from({ length: 250 }, (_, at) => at));
  assert.deepEqual(sent.map((each) => streamsOf(each).length), [100, 100, 50]);
  for (const { body, signature } of sent) {
    assert.equal(signature, `sha256=${createHmac("sha256", "key").update(body).digest("hex")}`);
  }
});

Deno.test("undelivered events are sent again after growing pauses, and nothing overtakes them", async () => {
  const { clock, feed, sent, dropped, webhook, streamsOf } = openWebhook([0, 503, 200]);
  await using _webhook = webhook;
  feed.tell("stream_started", { stream: "first" });
  await clock.pass(100);
  feed.tell("stream_started", { stream: "second" });
  await clock.pass(1_000);
  await clock.pass(2_000);
  await clock.pass(100);
  assert.deepEqual(sent.map(streamsOf), [["first"], ["first"], ["first"], ["second"]]);
  assert.equal(sent[0]?.signature, null);
  assert.deepEqual(dropped, []);
});

Deno.test("undeliverable events are given up after a while, refused ones at once", async () => {
  for (const [status, tries] of [[500, 8], [404, 1]] as const) {
    const { clock, feed, sent, dropped, webhook } = openWebhook([status]);
    await using _webhook = webhook;
    feed.tell("stream_started", { stream: "lost" });
    for (let second = 0; second < 300; second++) await clock.pass(1_000);
    assert.deepEqual([sent.length, dropped], [tries, [1]]);
  }
});

Deno.test("a webhook ends at once, whatever it waits for", async () => {
  const { clock, feed, webhook, dropped } = openWebhook([500]);
  feed.tell("stream_started", { stream: "lost" });
  await clock.pass(500);
  await webhook[Symbol.asyncDispose]();
  assert.deepEqual(dropped, []);
  assert.equal(feed.listeners, 0);
});
