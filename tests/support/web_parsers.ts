// The remaining places where the program examines texts from outside, in addition to those in
// text_parsers.ts: the handlers of web requests, with the routing library.

import { systemClock } from "../../src/core/clock.ts";
import { httpApi } from "../../src/api/http_api.ts";
import { answersOf, apiDependencies } from "./api_desk.ts";
import { managementWith, newHistory } from "./system_desk.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { openStaticFiles } from "../../src/api/static_files.ts";
import { EventFeed } from "../../src/api/event_feed.ts";
import { SessionTallies } from "../../src/api/session_tallies.ts";
import { systemApi } from "../../src/api/system_api.ts";
import { pages } from "../../src/console/pages.ts";
import { POLICY, SHORT_HEAD, type TextParser, within } from "./text_parsers.ts";

type Handler = (request: Request) => Promise<Response | undefined>;

const PATHS = "/?&=%";
const ABOUT = {
  ...{ signature: "a", version: "1.0.0", service: "s7", pid: "1" },
  numbers: { major: 1, minor: 0, revision: 0, version: "1.0.0" },
};

/**
 * In upper case, which the platform hands to its native parser: the one in JavaScript is slow while
 * blocks are counted, and the program uses it anyway.
 */
export const SITE = "http://H";

async function answerTo(handle: Handler, request: Request): Promise<void> {
  const response = await handle(request);
  await response?.body?.cancel();
}

/** Requests a text as path and query, and with the text in each of the named fields. */
async function ask(handle: Handler, path: string, names: readonly string[], whole: string) {
  const text = within(SHORT_HEAD, whole);
  const targets = [`/${text}`, `${path}/${text}`, `${path}?token=${text}&limit=${text}`];
  for (const target of targets) {
    await answerTo(handle, new Request(`${SITE}${target}`));
  }
  for (const name of names) {
    const request = requestWith(`${SITE}${path}`, { [name]: text });
    if (request !== undefined) await answerTo(handle, request);
  }
}

/** A request; undefined if the platform lets nobody send such fields. */
export function requestWith(url: string, headers: Record<string, string>): Request | undefined {
  try {
    return new Request(url, { headers });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function openSystemApi(): Handler {
  const metrics = new PrometheusMetrics();
  const app = systemApi({
    asksForCertificates: () => false,
    clock: systemClock,
    registrar: {
      register: () => Promise.resolve(),
      origins: () => Promise.resolve([]),
      streams: () => Promise.resolve({ streams: [], next: undefined, total: 0 }),
    },
    operations: {
      expired: () => [],
      changeOrigin: () => Promise.resolve(false),
      forgetOrigin: () => Promise.resolve(false),
      stream: () => Promise.resolve(undefined),
      endStream: () => Promise.resolve(0),
    },
    events: new EventFeed({ onDropped: () => {} }),
    changes: { begin: () => Promise.resolve() },
    tallies: () => new SessionTallies({ sessions: [], parts: [] }, (stream) => stream),
    metrics,
    expose: () => metrics.expose(),
    exposeOrigins: () => Promise.resolve(""),
    history: newHistory,
    readiness: () => ({ ready: true, status: "ready" }),
    sessions: { list: () => ({ sessions: [], next: undefined, total: 0 }), kick: () => false },
    about: ABOUT,
    addresses: POLICY,
    resolved: (origin) => Promise.resolve(origin),
    accepted: () => {},
    isProxy: () => Promise.resolve(false),
    access: () => ({ token: "secret" }),
    management: managementWith({ clock: systemClock, access: () => ({ token: "secret" }) }),
  });
  return async (request) => await app.fetch(request);
}

function openHttpApi(): Handler {
  const { handle } = httpApi(apiDependencies({
    answers: answersOf([]),
    access: () => ({ token: "secret" }),
    management: managementWith({ clock: systemClock, access: () => ({ token: "secret" }) }),
    corsOrigins: () => ["https://a.example"],
    signal: () => Promise.resolve(new Response(null)),
  }));
  return async (request) => await handle(request, { host: "127.0.0.1", port: 1 });
}

const FILES = ["file", "index.html", "page.js", "page.css", "icon.svg", "licenses.txt"];

/** Returns these places. @param folder an empty folder for files to be served */
export async function webParsers(folder: string): Promise<TextParser[]> {
  for (const file of FILES) await Deno.writeTextFile(`${folder}/${file}`, "text");
  const system = openSystemApi();
  const api = openHttpApi();
  const files = await openStaticFiles(folder);
  const page = pages({ folder });
  const conditions = ["if-none-match", "if-modified-since", "if-range", "range", "accept-encoding"];
  return [
    {
      name: "System API",
      special: PATHS,
      texts: ["$", "Bearer a$b"],
      parse: (text) => ask(system, "/api/v1/origins", ["authorization"], text),
    },
    {
      name: "HTTP API",
      special: PATHS,
      texts: ["$", "Bearer a$b"],
      parse: (text) => ask(api, "/api/v1/versions", ["authorization", "origin"], text),
    },
    {
      name: "files",
      special: "/%,=",
      texts: ["$", "bytes=$-"],
      parse: (text) => ask(files, "/file", conditions, text),
    },
    {
      name: "pages",
      special: ",;=",
      texts: ["$", "gzip;q=$x"],
      parse: (text) => ask(page, "/", conditions, text),
    },
  ];
}
