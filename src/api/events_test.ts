import assert from "node:assert/strict";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry } from "../registry/registry.ts";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { openDesk } from "../../tests/support/system_desk.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { ChangeWatch } from "./change_watch.ts";
import { EventFeed, type EventListenerQueue, type FeedEvent } from "./event_feed.ts";
import { PrometheusMetrics } from "./metrics.ts";

function openFeed() {
  const dropped: number[] = [];
  const feed = new EventFeed({ onDropped: (count) => void dropped.push(count) });
  return { feed, dropped };
}

Deno.test("a listener gets events, and after it reconnects those it has missed", () => {
  const { feed } = openFeed();
  feed.tell("stream_started", { stream: "v/a/0" });
  using first = feed.listen();
  feed.tell("stream_started", { stream: "v/a/1" });
  const [one] = first.take();
  assert.deepEqual([one?.type, one?.data], ["stream_started", { stream: "v/a/1" }]);
  feed.tell("stream_ended", { stream: "v/a/1" });
  using again = feed.listen(one!.id);
  assert.deepEqual(again.take().map(({ type }) => type), ["stream_ended"]);
  using same = feed.listen(first.take().at(-1)!.id);
  assert.deepEqual(same.take(), []);
});

Deno.test("a listener that reconnects with an unknown id is told to start over", () => {
  const { feed } = openFeed();
  for (const id of ["other-1", "", "x", `${"9".repeat(400)}`]) {
    using listener = feed.listen(id);
    assert.deepEqual(listener.take().map(({ type }) => type), ["reset"], id);
  }
  using fresh = feed.listen();
  for (let count = 0; count < 5_000; count++) feed.tell("stream_started", { count });
  const [first] = fresh.take();
  using late = feed.listen(first!.id);
  assert.deepEqual(late.take().map(({ type }) => type), ["reset"]);
});

Deno.test("a listener that reads nothing loses waiting events, is told so, and delays nobody", () => {
  const { feed, dropped } = openFeed();
  using slow = feed.listen();
  using quick = feed.listen();
  let taken = 0;
  for (let count = 0; count < 6_000; count++) {
    feed.tell("stream_started", { count });
    taken += quick.take().length;
  }
  assert.equal(taken, 6_000);
  assert.equal(slow.take()[0]?.type, "reset");
  assert.deepEqual(dropped, [5_000]);
});

Deno.test("changes of origins and streams are reported while somebody listens", async () => {
  const clock = new VirtualClock();
  const { feed } = openFeed();
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 10, now: clock.now });
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  const metrics = new PrometheusMetrics();
  await using registry = await Registry.open({ store, metrics, ...times, clock });
  using watch = new ChangeWatch({ clock, registrar: registry, events: feed });
  await watch.begin();
  using listener = feed.listen();
  await registry.register(sampleOrigin("a"));
  const request = { stream: "v/a/s", intent: "publish", protocol: "rtmp", failed: [] } as const;
  await registry.resolve({ ...request, session: "s" });
  await registry.confirm("s");
  await clock.pass(1_100);
  await registry.operations.changeOrigin("a", { draining: true });
  registry.release("s");
  await clock.pass(1_000);
  await registry.operations.changeOrigin("a", { labels: ["gpu"] });
  await clock.pass(1_000);
  await registry.operations.forgetOrigin("a");
  await clock.pass(1_000);
  const told = listener.take().map(({ type, data }) => {
    return `${type} ${data.server ?? data.stream} ${data.state ?? ""} ${data.labels ?? ""}`.trim();
  });
  assert.deepEqual(told, [
    "origin_added a alive",
    "stream_started v/a/s",
    "origin_changed a draining",
    "stream_ended v/a/s",
    "origin_changed a draining gpu",
    "origin_removed a",
  ]);
});

Deno.test("events are sent over HTTP as they happen, until the client leaves", async () => {
  const { feed } = openFeed();
  await using desk = await openDesk({ events: feed });
  const gone = new AbortController();
  const url = "http://127.0.0.1/api/v1/events";
  const response = await desk.fetch(new Request(url, { signal: gone.signal }));
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader.read()).value!, /^retry: \d+\n\n$/);
  feed.tell("stream_started", { stream: "v/a/\n" });
  const { value } = await reader.read();
  assert.match(value!, /^id: \S+\nevent: stream_started\ndata: \{.*"stream":"v\/a\/\\n"\}\n\n$/);
  assert.equal(feed.listeners, 1);
  gone.abort();
  assert.equal((await reader.read()).done, true);
  assert.equal(feed.listeners, 0);
});

/** What is told of origins whose list a test can change. */
function openWatch() {
  const clock = new VirtualClock();
  const { feed } = openFeed();
  const ids: string[] = [];
  let isBroken = false;
  const status = { down: false, setAsideFor: {}, settings: { draining: false, weight: 1 } };
  const registrar = {
    origins: async () => {
      if (isBroken) throw new Error("no registry");
      return await Promise.resolve(
        ids.map((id) => ({ ...status, origin: { ...sampleOrigin(id), id } })),
      );
    },
    streams: async () => await Promise.resolve({ streams: [], next: undefined, total: 0 }),
  } as unknown as Registry;
  const watch = new ChangeWatch({ clock, registrar, events: feed });
  const toldTo = (listener: EventListenerQueue) => {
    return listener.take().map(({ type, data }) => `${type} ${data.server ?? ""}`.trim());
  };
  return { clock, feed, ids, watch, toldTo, breakDown: (now: boolean) => isBroken = now };
}

/** Somebody listens until the first event. @returns its id */
async function listenOnce({ clock, feed, ids, watch }: ReturnType<typeof openWatch>) {
  await watch.begin();
  using listener = feed.listen();
  ids.push("a");
  await clock.pass(1_000);
  const [{ id }] = listener.take() as [FeedEvent];
  return id;
}

Deno.test("the only listener misses nothing while it reconnects", async () => {
  const world = openWatch();
  const { clock, feed, ids, watch, toldTo } = world;
  using _watch = watch;
  const id = await listenOnce(world);
  await clock.pass(2_000);
  ids.push("b");
  await clock.pass(20_000);
  await watch.begin();
  using again = feed.listen(id);
  assert.deepEqual(toldTo(again), ["origin_added b"]);
});

Deno.test("whoever returns after nobody has listened for long is told to start over", async () => {
  const world = openWatch();
  const { clock, feed, ids, watch, toldTo } = world;
  using _watch = watch;
  const id = await listenOnce(world);
  for (let minute = 0; minute < 3; minute++) await clock.pass(60_000);
  ids.push("b");
  await clock.pass(1_000);
  await watch.begin();
  using again = feed.listen(id);
  assert.deepEqual(toldTo(again), ["reset"]);
  ids.push("c");
  await clock.pass(1_000);
  assert.deepEqual(toldTo(again), ["origin_added c"]);
});

Deno.test("a listener that came while the registry could not be read is told to start over", async () => {
  const { clock, feed, ids, watch, toldTo, breakDown } = openWatch();
  using _watch = watch;
  breakDown(true);
  await watch.begin();
  using listener = feed.listen();
  ids.push("a");
  breakDown(false);
  await clock.pass(1_000);
  assert.deepEqual(toldTo(listener), ["reset"]);
  ids.push("b");
  await clock.pass(1_000);
  assert.deepEqual(toldTo(listener), ["origin_added b"]);
});

Deno.test("a client that leaves before it is listened to is forgotten", async () => {
  const { feed } = openFeed();
  const looked = Promise.withResolvers<void>();
  const changes = { begin: () => looked.promise };
  await using desk = await openDesk({ events: feed, changes });
  const gone = new AbortController();
  const request = new Request("http://127.0.0.1/api/v1/events", { signal: gone.signal });
  const asked = desk.fetch(request);
  gone.abort();
  looked.resolve();
  await asked;
  assert.equal(feed.listeners, 0);
});
