// What the HTTP API can be asked for, as an OpenAPI document. Lists and figures are SRS's own, whose
// shapes depend on the origins' version.

import { openApi, type Operation, type Paths, type Schema, TEXT } from "./openapi.ts";
import { FIGURES } from "./merged_figures.ts";

const ANY: Schema = { type: "object" };
const PAGE = {
  start: "Number of the first entry, of all origins'",
  count: "Most entries, 10 at least",
  origin: "Those of this origin",
};
const ID = { id: "As the list has it" };
const SDP = { type: "string", description: "SDP, RFC 8866" };
const SIGNAL = { api: TEXT, clientip: TEXT, sdp: TEXT, streamurl: TEXT };

function signal(summary: string): Operation {
  const body = { type: "object", properties: SIGNAL, required: ["sdp", "streamurl"] };
  return { summary, body, answer: ANY, isPublic: true };
}

function exchange(summary: string): Operation {
  const query = { app: "Of the stream", stream: "Its name", vhost: "Unless the Host says it" };
  return { summary, query, type: "application/sdp", answer: SDP, isPublic: true };
}

const FIGURE_PATHS: Paths = Object.fromEntries(
  FIGURES.map((name) => [
    `/api/v1/${name}`,
    { get: { summary: `SRS's ${name}, of all origins`, answer: ANY } },
  ]),
);

const LIST_PATHS: Paths = Object.fromEntries(
  ["vhosts", "streams", "clients"].flatMap((name) => [
    [`/api/v1/${name}`, {
      get: { summary: `The ${name} of all origins`, query: PAGE, answer: ANY },
    }],
    [`/api/v1/${name}/{id}`, {
      get: { summary: "One of them", path: ID, answer: ANY },
      ...(name === "clients" ? { delete: { summary: "Ends it", path: ID, answer: ANY } } : {}),
    }],
  ]),
);

const PATHS: Paths = {
  "/api/v1/versions": { get: { summary: "Which version runs", answer: ANY, isPublic: true } },
  "/api/v1/openapi.json": { get: { summary: "This document", answer: ANY } },
  "/api/v1/requests": { get: { summary: "The request itself", answer: ANY } },
  ...FIGURE_PATHS,
  ...LIST_PATHS,
  "/api/v1/origins/{server}/proxy/{path}": {
    get: {
      summary: "Whatever an origin answers, with PROXY_API_PASS=on; other methods too",
      path: { server: "Id of the origin", path: "Of the request to it" },
      answer: {},
    },
  },
  "/rtc/v1/whip/": { post: exchange("Publishes by WHIP, RFC 9725") },
  "/rtc/v1/whep/": { post: exchange("Plays by WHEP") },
  "/rtc/v1/publish/": { post: signal("Publishes by SRS's older API") },
  "/rtc/v1/play/": { post: signal("Plays by SRS's older API") },
};

/** The document, for that version of the program. */
export function httpDocument(version: string): Schema {
  return openApi({
    title: "srs-proxy HTTP API",
    description: "WebRTC signalling, and what all origins tell, as one SRS would.",
    version,
    paths: PATHS,
    schemas: {},
  });
}
