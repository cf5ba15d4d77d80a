// What the HTTP server answers everybody below `/api/`: the version, and the list of live streams for the play
// page, unless it is switched off.

import { Hono } from "hono";
import { answerErrorsInJson } from "./json_answers.ts";
import type { LiveStreamList } from "./live_streams.ts";
import { type About, versionsApp } from "./versions.ts";

/** An app for the HTTP server. @param live undefined = nobody is told what is live */
export function playerApi(about: About, live: Pick<LiveStreamList, "of"> | undefined): Hono {
  const app = new Hono({ strict: false });
  answerErrorsInJson(app);
  app.route("/", versionsApp(about));
  if (live === undefined) return app;
  app.get("/api/v1/streams/live", async (context) => {
    const { streams, more } = await live.of(new URL(context.req.url).host);
    context.header("cache-control", "max-age=1");
    context.header("x-content-type-options", "nosniff");
    return context.json({ code: 0, streams, more });
  });
  return app;
}
