// Events over HTTP: server-sent events (HTML standard, section 9.2). Authorization is checked before.

import type { Context, Env, Hono } from "hono";
import { type Clock, within } from "../core/clock.ts";
import { RefusedRequest } from "./browser_guard.ts";
import type { ChangeWatch } from "./change_watch.ts";
import type { EventFeed, EventListenerQueue, FeedEvent } from "./event_feed.ts";

export interface EventStreamDependencies {
  readonly clock: Clock;
  readonly events: EventFeed;
  readonly changes: Pick<ChangeWatch, "begin">;
}

const MOST_LISTENERS = 200;
/** Milliseconds between writes to a connection on which nothing happens. */
const KEEP_ALIVE = 15_000;
const TEXT = new TextEncoder();

/** Adds `GET /api/v1/events`. */
export function addEvents<E extends Env>(app: Hono<E>, deps: EventStreamDependencies): void {
  app.get("/api/v1/events", async (context) => {
    const { events, changes } = deps;
    await changes.begin();
    if (events.listeners >= MOST_LISTENERS) {
      const message = `Cannot serve another listener: the limit is ${MOST_LISTENERS}`;
      throw new RefusedRequest(503, message);
    }
    const listener = events.listen(lastSeen(context));
    const { signal } = context.req.raw;
    signal.addEventListener("abort", () => listener[Symbol.dispose]());
    if (signal.aborted) listener[Symbol.dispose]();
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
    return new Response(streamOf(listener, deps.clock), { headers });
  });
}

function lastSeen(context: Context): string | undefined {
  return context.req.header("last-event-id") ?? context.req.query("last_event_id");
}

function streamOf(listener: EventListenerQueue, clock: Clock): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(TEXT.encode("retry: 1000\n\n")),
    pull: async (controller) => {
      await within(clock, KEEP_ALIVE, listener.news, () => {});
      const events = listener.take();
      if (listener.isOver) return controller.close();
      const text = events.length === 0 ? ":\n\n" : events.map(textOf).join("");
      controller.enqueue(TEXT.encode(text));
    },
    cancel: () => listener[Symbol.dispose](),
  }, { highWaterMark: 0 });
}

/** JSON contains no line breaks. */
function textOf({ id, type, time, data }: FeedEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ time, ...data })}\n\n`;
}
