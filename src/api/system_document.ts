// The OpenAPI document of the System API.

import type { HistoryColumns } from "./history.ts";
import {
  answer,
  COUNT,
  DOCUMENT,
  object,
  openApi,
  type Paths,
  type Schema,
  TEXT,
  VERSIONS,
} from "./openapi.ts";

const BOOLEAN: Schema = { type: "boolean" };
const TEXTS: Schema = { type: "array", items: TEXT };
const COUNTS: Schema = { type: "object", additionalProperties: COUNT };
const COUNT_OR_NULL: Schema = { type: ["integer", "null"], minimum: 0 };
const INTENT: Schema = { enum: ["publish", "play"] };
const WEIGHT: Schema = { type: "integer", minimum: 0, maximum: 100 };
const BIT_RATE = { ...COUNT, description: "Bits per second over the last 10 seconds" };
/** "In" is from clients and so to origins; "out" is from origins and so to clients. */
const RATES = { bit_rate_in: BIT_RATE, bit_rate_out: BIT_RATE };
const NUMBERS: Schema = { type: "array", items: { type: "number" } };
const HISTORY: readonly (keyof HistoryColumns)[] = [
  ...["seconds_ago", "bits_from_clients", "bits_from_origins", "publishers", "viewers"] as const,
  ...["new_streams", "refused_clients", "failed_dials", "loop_lag_ms"] as const,
];
const PAGE = {
  limit: "Most entries on the page, 1 to 1000; 100 by default",
  after: "`next` of the page before",
};
const SERVER = { server: "Id of the origin" };
const KEY = { key: "vhost/app/stream; its slashes may be escaped or not" };

const SCHEMAS = {
  Origin: object({
    ...{ server: TEXT, generation: TEXT, device_id: TEXT, ip: TEXT },
    ...{ rtmp: TEXTS, http: TEXTS, api: TEXTS, srt: TEXTS, rtc: TEXTS },
    shared_addresses: { type: "array", items: object({ address: TEXT, origins: TEXTS }) },
    state: { enum: ["alive", "suspect", "draining", "down", "expired"] },
    ...{ draining: BOOLEAN, weight: WEIGHT, labels: TEXTS },
    ...{ streams: COUNT, publishers: COUNT, viewers: COUNT, failures: COUNTS },
    ...RATES,
    last_heartbeat_ms: COUNT_OR_NULL,
    set_aside_for_ms: COUNTS,
    expires_in_ms: COUNT_OR_NULL,
  }),
  Stream: object({
    ...{ stream: TEXT, origin: TEXT, confirmed: BOOLEAN, live: BOOLEAN, seconds: COUNT },
    publishers: COUNT,
    publisher: object({ session: TEXT, protocol: TEXT, client: TEXT, seconds: COUNT }),
    ...{ viewers: COUNT, viewers_by_protocol: COUNTS, ...RATES },
  }, ["publisher"]),
  Session: object({
    ...{ session: TEXT, protocol: TEXT, intent: INTENT, stream: TEXT },
    ...{ origin: TEXT, client: TEXT, transport: TEXT, seconds: COUNT },
    ...{ bytes_in: COUNT, bytes_out: COUNT, ...RATES },
  }, ["transport"]),
};

const NOT_A_LIST = [400, 503] as const;
const NOT_FOUND = [404, 503] as const;

/** A page of these. */
function listOf(name: string, schema: keyof typeof SCHEMAS): Schema {
  const items = { type: "array", items: refTo(schema) };
  return answer({ [name]: items, total: COUNT, next: TEXT }, ["next"]);
}

function refTo(schema: keyof typeof SCHEMAS): Schema {
  return { $ref: `#/components/schemas/${schema}` };
}

const REGISTRATION = {
  summary: "Registers an origin, as SRS's heartbeat does",
  body: object({
    ...{ ip: TEXT, server: TEXT, service: TEXT, pid: { type: ["string", "integer"] } },
    ...{ rtmp: TEXTS, http: TEXTS, api: TEXTS, srt: TEXTS, rtc: TEXTS },
    ...{ device_id: TEXT, labels: TEXTS },
  }, ["http", "api", "srt", "rtc", "device_id", "labels"]),
  answer: answer({ pid: TEXT }),
  failures: [400, 401, 403, 408, 413, 415, 503] as const,
  isPublic: true,
};

const PATHS: Paths = {
  "/api/v1/versions": {
    get: {
      summary: "The version that runs",
      answer: answer(VERSIONS),
      isPublic: true,
    },
  },
  "/api/v1/srs/register": { post: REGISTRATION },
  "/api/v1/srs/register/{token}": {
    post: {
      ...REGISTRATION,
      path: { token: "The token that origins must present, if one is set" },
    },
  },
  "/healthz": {
    get: {
      summary: "Whether the process is alive",
      answer: answer({ status: TEXT }),
      isPublic: true,
    },
  },
  "/readyz": {
    get: {
      summary: "Whether it accepts new clients",
      answer: answer(
        { status: TEXT, reason: TEXT, certificate_days: { type: "integer" } },
        ["reason", "certificate_days"],
      ),
      failures: [503],
      isPublic: true,
    },
  },
  "/metrics": { get: { summary: "Figures for Prometheus", type: "text/plain", isPublic: true } },
  "/metrics/origins": {
    get: { summary: "Figures of all origins for Prometheus", type: "text/plain", failures: [503] },
  },
  "/api/v1/openapi.json": {
    get: {
      summary: "This document, or the HTTP API's",
      query: { api: "system or http; system by default" },
      answer: DOCUMENT,
      failures: [400],
    },
  },
  "/api/v1/events": {
    get: {
      summary: "What happens to origins, streams and sessions, as server-sent events",
      query: { last_event_id: "Id of the last event seen; or in the header Last-Event-ID" },
      type: "text/event-stream",
      failures: [503],
    },
  },
  "/api/v1/history": {
    get: {
      summary: "Samples of the last 15 minutes by column, oldest first; rates are per second",
      answer: answer(Object.fromEntries(HISTORY.map((name) => [name, NUMBERS]))),
    },
  },
  "/api/v1/origins": {
    get: {
      summary: "Origins",
      query: {
        ...PAGE,
        state: "alive, suspect, draining, down or expired",
        label: "Only origins with this label",
        search: "Part of the id, the device id or the address",
      },
      answer: listOf("origins", "Origin"),
      failures: NOT_A_LIST,
    },
  },
  "/api/v1/origins/{server}": {
    get: {
      summary: "One origin",
      path: SERVER,
      answer: answer({ origin: refTo("Origin") }),
      failures: NOT_FOUND,
    },
    patch: {
      summary: "Changes the settings of an origin",
      path: SERVER,
      body: object(
        { weight: WEIGHT, labels: { type: ["array", "null"], items: TEXT }, draining: BOOLEAN },
        ["weight", "labels", "draining"],
      ),
      failures: [400, 404, 408, 413, 415, 503],
    },
    delete: {
      summary: "Forgets an origin until its next heartbeat",
      path: SERVER,
      failures: NOT_FOUND,
    },
  },
  "/api/v1/origins/{server}/drain": {
    post: { summary: "Sends no new streams there", path: SERVER, failures: NOT_FOUND },
  },
  "/api/v1/origins/{server}/undrain": {
    post: { summary: "Sends new streams there again", path: SERVER, failures: NOT_FOUND },
  },
  "/api/v1/streams": {
    get: {
      summary: "Streams",
      query: {
        ...PAGE,
        origin: "Only those of this origin",
        live: "true or false: whether a publisher runs",
        search: "Part of the key",
      },
      answer: listOf("streams", "Stream"),
      failures: NOT_A_LIST,
    },
  },
  "/api/v1/streams/{key}": {
    get: {
      summary: "One stream",
      path: KEY,
      answer: answer({ stream: refTo("Stream") }),
      failures: [400, 404, 503],
    },
    delete: {
      summary: "Ends all sessions of a stream, at every proxy",
      path: KEY,
      answer: answer({ ended: COUNT }),
      failures: [400, 404, 503],
    },
  },
  "/api/v1/sessions": {
    get: {
      summary: "Sessions of this proxy",
      query: {
        ...PAGE,
        stream: "Only those of this stream key",
        origin: "Only those at this origin",
        protocol: "Only those of this protocol",
        intent: "publish or play",
        client: "Only those of this address, with or without its port",
      },
      answer: listOf("sessions", "Session"),
      failures: [400],
    },
  },
  "/api/v1/sessions/{session}": {
    delete: { summary: "Ends a session", path: { session: "Its id" }, failures: [404] },
  },
};

/** The document, for that version of the program. */
export function systemDocument(version: string): Schema {
  return openApi({
    title: "srs-proxy System API",
    description: "Origins register here; operators watch the proxy and manage origins.",
    version,
    paths: PATHS,
    schemas: SCHEMAS,
  });
}
