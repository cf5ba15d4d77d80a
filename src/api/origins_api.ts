// SRS's HTTP API for all origins at once, in SRS's own JSON, so that tools made for one SRS work with many.
// Only routes and shapes; authorization is checked before.

import { type Context, Hono } from "hono";
import { isObject, type JsonObject } from "../core/json_object.ts";
import { logger } from "../core/log.ts";
import { answerError, answerErrorsInJson } from "./json_answers.ts";
import { type EntryFound, FoundEntries } from "./found_entries.ts";
import { FIGURES, mergedFigures, type OriginFigures } from "./merged_figures.ts";
import { MergedLists, MOST_ENTRIES } from "./merged_lists.ts";
import type { Missing, OriginAnswers } from "./origin_answers.ts";
import { type ListName, readGoodAnswer } from "./srs_answer.ts";
import type { About } from "./versions.ts";
import type { Clock } from "../core/clock.ts";

export interface OriginsApiDependencies {
  readonly about: About;
  readonly clock: Pick<Clock, "now">;
  readonly answers: OriginAnswers;
}

/** The smallest `count` that SRS accepts. */
const LEAST = 10;
const LIMIT = 256 * 1024;
/** SRS's answer where its configuration may not be changed; consoles ask for it first. */
const RAW_DISABLED = 1061;
const RAW_IS_OFF = {
  code: 0,
  http_api: {
    ...{ enabled: true, listen: "", crossdomain: false },
    raw_api: { enabled: false, allow_reload: false, allow_query: false, allow_update: false },
  },
};
const LISTS = ["vhosts", "streams", "clients"] as const;
const LOG = logger("api");

/** The routes, to be mounted where only those who may manage can reach them. */
export function originsApi(deps: OriginsApiDependencies): Hono {
  const app = new Hono({ strict: false });
  answerErrorsInJson(app);
  const own = ownFields(deps.about);
  const found = new FoundEntries(deps);
  const lists = new MergedLists(deps);
  for (const name of FIGURES) {
    app.get(`/api/v1/${name}`, async (context) => {
      const { data, origins, missing } = await figuresOf(name, deps.answers);
      return context.json({ code: 0, ...own, data, origins, missing });
    });
  }
  app.delete("/api/v1/clients/:id", async (context) => {
    const request = { name: "clients", ...entryOf(context) } as const;
    const ended = await found.end(request);
    const { answer: { code }, origin } = ended;
    if (origin !== undefined) LOG.info("Client ended", { client: request.id, origin, code });
    return context.json(entryAnswer(ended));
  });
  for (const name of LISTS) addList(app, name, { own, found, lists });
  app.get("/api/v1/raw", (context) => {
    return context.json(queryOf(context, "rpc") === "raw" ? RAW_IS_OFF : { code: RAW_DISABLED });
  });
  app.get("/api/v1/requests", (context) => context.json({ code: 0, ...own, data: echo(context) }));
  return app;
}

interface ListParts {
  readonly own: JsonObject;
  readonly found: FoundEntries;
  readonly lists: MergedLists;
}

function addList(app: Hono, name: ListName, { own, found, lists }: ListParts): void {
  app.get(`/api/v1/${name}`, async (context) => {
    const part = { ...partOf(name, context), origin: queryOf(context, "origin") };
    const { entries, missing } = await lists.part(name, part);
    for (const { id, origin } of entries) found.note(name, id, String(origin));
    return context.json({ code: 0, ...own, [name]: entries, missing });
  });
  app.get(`/api/v1/${name}/:id`, async (context) => {
    return context.json(entryAnswer(await found.find({ name, ...entryOf(context) })));
  });
  app.all(`/api/v1/${name}/:id?`, (context) => {
    context.header(
      "Allow",
      name === "clients" ? "GET, HEAD, DELETE, OPTIONS" : "GET, HEAD, OPTIONS",
    );
    return answerError(context, 405, "Cannot use this method here");
  });
}

/** SRS identifies itself in every answer, and so does the proxy. */
function ownFields({ signature, service, pid }: About): JsonObject {
  return { server: signature, service, pid };
}

/** Figures that all origins have under one name: combined, and one by one. */
export async function figuresOf(name: string, answers: OriginAnswers): Promise<{
  readonly data: JsonObject;
  readonly origins: readonly JsonObject[];
  readonly missing: readonly Missing[];
}> {
  const { answers: all, missing } = await answers.collect({
    target: `/api/v1/${name}`,
    limit: LIMIT,
    read: readGoodAnswer,
  });
  const figures = all.flatMap(({ origin: { ip }, answer: { data } }): OriginFigures[] => {
    return isObject(data) ? [{ ip, data }] : [];
  });
  return {
    data: figures.length === 0 ? {} : mergedFigures(name, figures),
    origins: all.map(({ origin: { id }, answer: { code: _, ...rest } }) => ({
      origin: id,
      ...rest,
    })),
    missing,
  };
}

/** In SRS's shape, with the origins that could not be asked. */
function entryAnswer({ answer, missing }: EntryFound): JsonObject {
  return missing.length === 0 ? answer : { ...answer, missing };
}

function entryOf(context: Context): { readonly id: string; readonly origin: string | undefined } {
  return { id: context.req.param("id") ?? "", origin: queryOf(context, "origin") };
}

/** SRS has no pages of vhosts, and parses numbers as C does. */
function partOf(
  name: ListName,
  context: Context,
): { readonly start: number; readonly count: number } {
  if (name === "vhosts") return { start: 0, count: MOST_ENTRIES };
  const numberOf = (text = "") => Number.parseInt(text) || 0;
  const start = Math.max(0, numberOf(queryOf(context, "start")));
  return { start, count: Math.max(LEAST, numberOf(queryOf(context, "count"))) };
}

/** Hono's own query parser is slow on a query crafted for it. */
function queryOf({ req }: Context, name: string): string | undefined {
  return new URL(req.url).searchParams.get(name) ?? undefined;
}

/** The request as received, without what nobody else must see. */
function echo({ req }: Context): JsonObject {
  const { authorization: _, cookie: __, ...headers } = req.header();
  return { uri: req.url, path: req.path, METHOD: req.method, headers };
}
