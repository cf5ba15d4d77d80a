// The OpenAPI document of the HTTP API. Lists and figures have SRS's own shapes, which depend on the origins'
// version.

import { FIGURES } from "./merged_figures.ts";
import {
  answer,
  DOCUMENT,
  object,
  openApi,
  type Operation,
  OWN,
  type Paths,
  type Schema,
  TEXT,
  VERSIONS,
} from "./openapi.ts";
import { MISSING_REASONS } from "./origin_answers.ts";
import { SINGULARS } from "./srs_answer.ts";

/** SRS may add further members. */
const MORE = { additionalProperties: true };
const ANY: Schema = { type: "object", ...MORE };
const OF_ONE: Schema = { ...object({ origin: TEXT }), ...MORE };
const REASON: Schema = { enum: MISSING_REASONS };
const MISSING = { missing: { type: "array", items: object({ origin: TEXT, reason: REASON }) } };
const ORIGINS = { origins: { type: "array", items: OF_ONE }, ...MISSING };
/** SRS has an error code of its own for each failure. */
const CODE = { type: "integer" };
const OTHER_CODE: Schema = {
  ...object({ code: { ...CODE, not: { const: 0 } }, ...MISSING }, ["missing"]),
  ...MORE,
};

const ORIGIN = { origin: "Only those of this origin" };
const PAGE = {
  start: "Number of the first entry, counted over all origins",
  count: "Most entries, at least 10",
  ...ORIGIN,
};
const ONE = {
  path: { id: "As in the list" },
  query: { origin: "The origin meant, if several have an entry with that id" },
};
const SDP = { type: "string", description: "SDP, RFC 8866" };
const FRAGMENT = { type: "string", description: "Candidates and credentials, RFC 8840" };
const SIGNAL = { api: TEXT, clientip: TEXT, sdp: TEXT, streamurl: TEXT };
const OF_OFFER = [400, 401, 403, 408, 413, 502, 503, 504, 508] as const;
const OF_SESSION = [401, 403, 404, 502, 503, 504] as const;

function signal(summary: string): Operation {
  const body = { type: "object", properties: SIGNAL, required: ["sdp", "streamurl"] };
  return { summary, body, answer: ANY, failures: OF_OFFER, isPublic: true, isPassed: true };
}

/** Starts a session; the answer has the address at which it is changed and ended. */
function exchange(summary: string): Paths[string] {
  const query = { spbsid: "Which session, as in its address" };
  const shared = { isPublic: true, isPassed: true };
  return {
    post: {
      ...{ summary, ...shared },
      query: {
        app: "Application of the stream",
        stream: "Name of the stream",
        vhost: "By default taken from the Host",
      },
      ...{
        status: 201,
        type: "application/sdp",
        answer: SDP,
        failures: [...OF_OFFER, 415],
      },
    },
    patch: {
      ...{ summary: "Sends candidates, or restarts ICE", query, ...shared },
      ...{ type: "application/trickle-ice-sdpfrag", answer: FRAGMENT },
      failures: [...OF_SESSION, 400, 408, 413, 415],
    },
    delete: {
      ...{ summary: "Ends a session", query, ...shared },
      ...{ type: "*/*", answer: {}, failures: OF_SESSION },
    },
  };
}

const FIGURE_PATHS: Paths = Object.fromEntries(
  FIGURES.map((name) => [
    `/api/v1/${name}`,
    {
      get: {
        summary: `SRS's ${name}, of all origins`,
        answer: answer({ ...OWN, data: ANY, ...ORIGINS }),
        failures: [503],
      },
    },
  ]),
);

const CLIENT_END: Operation = {
  summary: "Ends it, with SRS's code in the answer",
  ...ONE,
  answer: { ...object({ code: CODE, ...MISSING }, ["missing"]), ...MORE },
  failures: [409, 502, 503, 504],
};

const LIST_PATHS: Paths = Object.fromEntries(
  Object.entries(SINGULARS).flatMap(([name, singular]) => [
    [`/api/v1/${name}`, {
      get: {
        summary: `The ${name} of all origins`,
        query: name === "vhosts" ? ORIGIN : PAGE,
        answer: answer({ ...OWN, [name]: { type: "array", items: OF_ONE }, ...MISSING }),
        failures: name === "vhosts" ? [503] : [400, 503],
      },
    }],
    [`/api/v1/${name}/{id}`, {
      get: {
        summary: "One of them, or SRS's code if there is none",
        ...ONE,
        answer: { anyOf: [{ ...answer({ [singular]: OF_ONE }), ...MORE }, OTHER_CODE] },
        failures: [409, 503],
      },
      ...(name === "clients" ? { delete: CLIENT_END } : {}),
    }],
  ]),
);

const PASSED = {
  summary: "Any request to one origin's API, with PROXY_API_PASS=on",
  path: { server: "Id of the origin", path: "Path of the request to it" },
  ...{ type: "*/*", answer: {}, failures: [404, 502, 504] as const, isPassed: true },
};

const VERSION = {
  summary: "The version that runs; for those who may manage, also those of all origins",
  answer: answer({ ...VERSIONS, ...ORIGINS }, ["origins", "missing"]),
  failures: [401, 503] as const,
  isPublic: true,
};

const PATHS: Paths = {
  "/api/v1/versions": {
    get: VERSION,
    post: { ...VERSION, failures: [...VERSION.failures, 403] },
  },
  "/api/v1/openapi.json": { get: { summary: "This document", answer: DOCUMENT } },
  "/api/v1/requests": {
    get: {
      summary: "The request itself",
      answer: answer({
        ...OWN,
        data: object({ uri: TEXT, path: TEXT, METHOD: TEXT, headers: ANY }),
      }),
    },
  },
  "/api/v1/raw": {
    get: {
      summary: "Says that the configuration of all origins cannot be changed at once",
      query: { rpc: "raw, as consoles ask" },
      answer: { anyOf: [answer({ http_api: ANY }), OTHER_CODE] },
    },
  },
  ...FIGURE_PATHS,
  ...LIST_PATHS,
  "/api/v1/origins/{server}/proxy/{path}": Object.fromEntries(
    ["get", "post", "put", "patch", "delete"].map((method) => {
      if (method === "get") return [method, PASSED];
      return [method, { ...PASSED, failures: [...PASSED.failures, 408, 413] }];
    }),
  ),
  "/rtc/v1/whip/": exchange("Publishes by WHIP, RFC 9725"),
  "/rtc/v1/whep/": exchange("Plays by WHEP"),
  "/rtc/v1/whip-play/": exchange("Plays by WHEP, under SRS's older name"),
  "/rtc/v1/publish/": { post: signal("Publishes by SRS's older API") },
  "/rtc/v1/play/": { post: signal("Plays by SRS's older API") },
};

/** The document, for that version of the program. */
export function httpDocument(version: string): Schema {
  return openApi({
    title: "srs-proxy HTTP API",
    description:
      "WebRTC signalling, and the API of SRS for all origins at once. With `callback`, paths below " +
      "`/api/` answer with a script (JSONP), as in SRS.",
    version,
    paths: PATHS,
    schemas: {},
  });
}
