// Origins as operators see them on the System API, and the settings they may change: drain, weight, labels,
// forget. Authorization is checked before.

import type { Context, Hono } from "hono";
import * as v from "valibot";
import { readBoundedText } from "../core/bounded_body.ts";
import type { Clock } from "../core/clock.ts";
import { formatEndpoint } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import type { OriginCounts } from "../core/fleet.ts";
import type { Memory } from "../core/memory.ts";
import { labelsOf, type OriginChange, PROTOCOLS } from "../core/origin.ts";
import type { OriginStatus, Registrar, RegistryOperations } from "../core/registrar.ts";
import { type SharedAddress, sharedAddresses } from "../core/shared_addresses.ts";
import { requireJson } from "./browser_guard.ts";
import { answerError } from "./json_answers.ts";
import { choiceOf, filterOf, pageOf } from "./paging.ts";
import { Labels } from "./registration.ts";
import { ratesOf } from "./rates.ts";
import type { SessionTallies } from "./session_tallies.ts";

export interface OriginRouteDependencies {
  readonly clock: Clock;
  readonly registrar: Registrar;
  readonly operations: RegistryOperations;
  readonly tallies: () => SessionTallies | Promise<SessionTallies>;
}

/** States of an origin; if several apply, the last one is shown. */
const STATES = ["alive", "suspect", "draining", "down", "expired"] as const;
type State = typeof STATES[number];

const BODY_BOUNDS = { limit: 16 * 1024, deadline: 10_000 };
const Change = v.strictObject({
  weight: v.optional(v.pipe(
    v.number("weight must be a number"),
    v.integer("weight must be a whole number"),
    v.minValue(0, "weight must be 0 to 100"),
    v.maxValue(100, "weight must be 0 to 100"),
  )),
  labels: v.optional(v.nullable(Labels)),
  draining: v.optional(v.boolean("draining must be true or false")),
}, "only weight, labels and draining can be changed");

/** One origin with what is known about it and its sessions. */
interface Seen {
  readonly status: OriginStatus;
  readonly state: State;
}

/** What the listener adds to a request. */
interface Env {
  readonly Bindings: { readonly memory?: Memory };
}

/** Adds the routes below `/api/v1/origins`. */
export function addOrigins<E extends Env>(app: Hono<E>, deps: OriginRouteDependencies): void {
  const root = "/api/v1/origins";
  app.get(root, (context) => listOrigins(context, deps));
  app.get(`${root}/:server`, async (context) => {
    const all = await seenOrigins(deps);
    const id = context.req.param("server");
    const found = all.find(({ status }) => status.origin.id === id);
    if (found === undefined) return unknownOrigin(context);
    const shared = sharedAddresses(all.map(({ status }) => status.origin));
    const tally = (await deps.tallies()).ofOrigin(id);
    return context.json({ code: 0, origin: originAnswer(found, shared, tally) });
  });
  const change = async (context: Context, id: string, what: OriginChange) => {
    const isKnown = await deps.operations.changeOrigin(id, what);
    return isKnown ? context.json({ code: 0 }) : unknownOrigin(context);
  };
  app.post(`${root}/:server/drain`, (context) => {
    return change(context, context.req.param("server"), { draining: true });
  });
  app.post(`${root}/:server/undrain`, (context) => {
    return change(context, context.req.param("server"), { draining: false });
  });
  app.patch(`${root}/:server`, async (context) => {
    requireJson(context.req.raw);
    const bounds = { ...BODY_BOUNDS, clock: deps.clock, memory: context.env?.memory };
    const body = await readBoundedText(context.req.raw, bounds);
    return await change(context, context.req.param("server"), parseChange(body));
  });
  app.delete(`${root}/:server`, async (context) => {
    const isKnown = await deps.operations.forgetOrigin(context.req.param("server"));
    return isKnown ? context.json({ code: 0 }) : unknownOrigin(context);
  });
}

async function listOrigins(context: Context, deps: OriginRouteDependencies): Promise<Response> {
  const { limit, after = "" } = pageOf(context);
  const [state, label] = [choiceOf(context, "state", STATES), filterOf(context, "label")];
  const text = filterOf(context, "search")?.toLowerCase();
  const all = await seenOrigins(deps);
  const shared = sharedAddresses(all.map(({ status }) => status.origin));
  const fitting = all.filter((seen) => {
    const { origin, settings } = seen.status;
    return (state === undefined || seen.state === state) &&
      (label === undefined || labelsOf(origin, settings).includes(label)) &&
      (text === undefined ||
        `${origin.id} ${origin.deviceId} ${origin.ip}`.toLowerCase().includes(text));
  });
  const rest = fitting.filter(({ status }) => status.origin.id > after)
    .sort((one, two) => one.status.origin.id < two.status.origin.id ? -1 : 1);
  const page = rest.slice(0, limit);
  const tallies = await deps.tallies();
  return context.json({
    code: 0,
    origins: page.map((seen) => {
      return originAnswer(seen, shared, tallies.ofOrigin(seen.status.origin.id));
    }),
    next: rest.length > limit ? page.at(-1)?.status.origin.id : undefined,
    total: fitting.length,
  });
}

/** Registered origins, and those that have only sessions left. */
async function seenOrigins({ registrar, operations }: OriginRouteDependencies): Promise<Seen[]> {
  const registered = await registrar.origins();
  const ids = new Set(registered.map(({ origin }) => origin.id));
  const expired = operations.expired().filter(({ origin }) => !ids.has(origin.id));
  return [
    ...registered.map((status) => ({ status, state: stateOf(status) })),
    ...expired.map((status) => ({ status, state: "expired" as const })),
  ];
}

/** The state of a registered origin. */
export function stateOf({ down, settings, setAsideFor }: OriginStatus): State {
  if (down) return "down";
  if (settings.draining) return "draining";
  return Object.keys(setAsideFor).length > 0 ? "suspect" : "alive";
}

/** In the words of a registration, so that they can be compared. */
function originAnswer(
  { status, state }: Seen,
  shared: readonly SharedAddress[],
  tally: OriginCounts,
): Record<string, unknown> {
  const { origin, settings, streams, expiresIn, sinceHeartbeat, setAsideFor, failures } = status;
  const endpoints = PROTOCOLS.map((protocol) => [
    protocol,
    origin.endpoints[protocol].map((address) => formatEndpoint(protocol, address)),
  ]);
  return {
    server: origin.id,
    generation: origin.generation,
    device_id: origin.deviceId,
    ip: origin.ip,
    ...Object.fromEntries(endpoints),
    shared_addresses: shared.filter(({ origins }) => origins.includes(origin.id)),
    streams,
    state,
    draining: settings.draining,
    weight: settings.weight,
    labels: labelsOf(origin, settings),
    publishers: tally.publishers,
    viewers: tally.viewers,
    ...ratesOf(tally),
    failures,
    last_heartbeat_ms: sinceHeartbeat === null ? null : Math.round(sinceHeartbeat),
    set_aside_for_ms: inWholeMilliseconds(setAsideFor),
    expires_in_ms: expiresIn === null ? null : Math.round(expiresIn),
  };
}

function parseChange(body: string): OriginChange {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new ProxyError("bad_request", "Cannot change the origin: the body is not JSON");
  }
  // valibot would accept a list as an object.
  const result = v.safeParse(Change, Array.isArray(value) ? undefined : value);
  if (result.success) return result.output;
  const { message } = result.issues[0];
  throw new ProxyError("bad_request", `Cannot change the origin: ${message}`);
}

function unknownOrigin(context: Context): Response {
  return answerError(context, 404, "Cannot find an origin with this id");
}

function inWholeMilliseconds(times: OriginStatus["setAsideFor"]): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([name, time]) => [name, Math.round(time)]));
}
