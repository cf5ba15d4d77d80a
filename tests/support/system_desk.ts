// The System API in front of a real registry, called without a listener.

import { AddressPolicy } from "../../src/api/address_policy.ts";
import { History, type HistoryColumns } from "../../src/api/history.ts";
import { Management, type ManagementOptions } from "../../src/api/management.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { EventFeed } from "../../src/api/event_feed.ts";
import { SessionTallies } from "../../src/api/session_tallies.ts";
import { systemApi, type SystemApiDependencies } from "../../src/api/system_api.ts";
import { systemDocument } from "../../src/api/system_document.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Address } from "../../src/core/address.ts";
import { MemoryStore, type MemoryStoreOptions } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { NO_SESSIONS, type SessionControl } from "../../src/registry/running_sessions.ts";
import { DocumentedApi } from "./documented_api.ts";

/** The path at which origins register. */
export const REGISTER = "/api/v1/srs/register";
/** A valid registration. */
export const GOOD = { ip: "10.0.0.1", server: "vid-1", service: "s-1", pid: "42", rtmp: ["1935"] };
/** The version that the API reports. */
export const NUMBERS = { major: 1, minor: 2, revision: 3, version: "1.2.3" };
export const ABOUT = {
  signature: "proxy",
  version: "1.2.3",
  numbers: NUMBERS,
  service: "s7",
  pid: "7",
};

/** The API's OpenAPI document. */
export const SYSTEM_DOCUMENT = new DocumentedApi(systemDocument(ABOUT.version));

/** A client on this machine. */
const HERE: Address = { host: "127.0.0.1", port: 4711 };

/** Who may manage: clients with the token or, without one, clients on this machine. */
export function managementWith(
  options: Partial<ManagementOptions> & Pick<ManagementOptions, "clock">,
): Management {
  return new Management({
    access: () => ({}),
    sites: () => [],
    trustedProxies: () => [],
    onRefused: () => {},
    ...options,
  });
}

/** The history of a program that has just started. */
export function newHistory(): HistoryColumns {
  const refresh = () => Promise.resolve();
  using history = History.open({ clock: systemClock, source: new PrometheusMetrics(), refresh });
  return history.columns();
}

/** The API in front of a real registry. */
export interface Desk extends AsyncDisposable {
  readonly registry: Registry;
  readonly metrics: PrometheusMetrics;
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  readonly fetch: (
    request: Request,
    env?: { readonly peer?: Address },
  ) => Response | Promise<Response>;
  /** Sends a request. @returns status and JSON body of the answer, which must be documented */
  readonly ask: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
}

/** Limits of a desk's registry, and how it ends sessions of the process. */
export interface DeskRegistryOptions extends MemoryStoreOptions {
  readonly sessions?: SessionControl;
}

/** Opens a desk with the dependencies that a test provides, and its own for the rest. */
export async function openDesk(
  options: Partial<SystemApiDependencies> = {},
  { sessions = NO_SESSIONS, ...room }: DeskRegistryOptions = { maxOrigins: 3, maxStreams: 500 },
): Promise<Desk> {
  const metrics = new PrometheusMetrics();
  const store = new MemoryStore(room);
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  const registry = await Registry.open({ store, metrics, sessions, ...times });
  const app = systemApi({
    asksForCertificates: () => false,
    clock: systemClock,
    registrar: registry,
    operations: registry.operations,
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
    addresses: new AddressPolicy({
      allow: () => [],
      allowNames: () => [],
      ownAddresses: () => [{ transport: "tcp", host: "0.0.0.0", port: 11935 }],
      otherProxies: () => [],
      localIps: () => ["10.0.0.1"],
    }),
    resolved: (origin) => Promise.resolve(origin),
    isProxy: () => Promise.resolve(false),
    access: () => ({}),
    management: managementWith({ clock: systemClock }),
    accepted: () => {},
    ...options,
  });
  return {
    registry,
    metrics,
    routes: app.routes,
    fetch: (request, env = { peer: HERE }) => app.fetch(request, env),
    ask: async (method, path, body, headers = {}) => {
      const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
      const init = text === undefined
        ? { method, headers }
        : { method, headers: { "content-type": "application/json", ...headers }, body: text };
      const response = await app.request(path, init, { peer: HERE });
      const seen = await SYSTEM_DOCUMENT.read({ method, url: path }, response);
      return { status: seen.status, body: JSON.parse(seen.text), headers: seen.headers };
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
