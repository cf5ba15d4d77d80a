// Parses what an origin sends when it registers into an Origin. Knows the shape of SRS's heartbeat;
// address_policy.ts decides which addresses are acceptable.

import * as v from "valibot";
import { ProxyError } from "../core/errors.ts";
import { nameFlaw } from "../core/names.ts";
import { isLabel } from "../core/placement_rule.ts";
import { type Endpoint, parseEndpoint } from "../core/endpoint.ts";
import { TRANSPORTS } from "../core/fleet.ts";
import type { Address } from "../core/address.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type { AddressPolicy } from "./address_policy.ts";

const MAX_TEXT = 256;
const MAX_ENDPOINTS = 16;
const MAX_ISSUES_TOLD = 5;
const MAX_LABELS = 16;

const Text = v.pipe(
  v.string("must be a string"),
  v.maxLength(MAX_TEXT, `must have at most ${MAX_TEXT} characters`),
  v.check((text) => nameFlaw(text) === undefined, ({ input }) => nameFlaw(input)!),
);
const Name = v.pipe(Text, v.nonEmpty("must not be empty"));
const Endpoints = v.pipe(
  v.array(Name, "must be an array of strings"),
  v.maxLength(MAX_ENDPOINTS, `must have at most ${MAX_ENDPOINTS} entries`),
);
export const Labels = v.pipe(
  v.array(v.pipe(v.string("must be a string"), v.check(isLabel, "must be a label"))),
  v.maxLength(MAX_LABELS, `must have at most ${MAX_LABELS} entries`),
);
const ProcessId = v.pipe(v.number(), v.safeInteger(), v.transform(String));

// Go writes an absent list as null.
const Heartbeat = v.object({
  ip: Name,
  server: Name,
  service: Name,
  pid: v.union([Name, ProcessId], "must be a string or an integer"),
  rtmp: v.pipe(Endpoints, v.nonEmpty("must not be empty")),
  http: v.nullish(Endpoints, []),
  api: v.nullish(Endpoints, []),
  srt: v.nullish(Endpoints, []),
  rtc: v.nullish(Endpoints, []),
  device_id: v.nullish(Text, ""),
  labels: v.nullish(Labels, []),
}, "is missing");

export type Registration = v.InferOutput<typeof Heartbeat>;

/** Accepted words before `://`; an endpoint with another is ignored. */
const SCHEMES: Readonly<Record<Protocol, readonly string[]>> = {
  rtmp: ["tcp", "rtmp", "rtmps"],
  http: ["tcp", "http", "https"],
  api: ["tcp", "http", "https"],
  srt: ["udp", "srt"],
  rtc: ["udp", "rtc", "webrtc"],
};

/** Those that mean TLS. */
const SECURE: readonly string[] = ["rtmps", "https"];

/**
 * Parses the body of a registration. Unknown keys are ignored.
 *
 * @throws ProxyError `bad_request` that names each wrong field
 */
export function parseRegistration(body: string): Registration {
  const result = v.safeParse(Heartbeat, parseJson(body));
  if (result.success) return result.output;
  const issues = result.issues.slice(0, MAX_ISSUES_TOLD).map(describe);
  throw new ProxyError("bad_request", `Cannot register: ${issues.join(", ")}`);
}

/**
 * The registering origin, with every address that the policy lets the proxy dial.
 *
 * @throws ProxyError `bad_request` for an address that is malformed or refused
 */
export function originOf(registration: Registration, policy: AddressPolicy): Origin {
  const ip = policy.acceptHost(registration.ip, "ip");
  const addressesOf = (protocol: Protocol) =>
    dialable(ip, usableEndpoints(protocol, registration[protocol]), policy);
  const endpoints = {
    rtmp: addressesOf("rtmp"),
    http: addressesOf("http"),
    api: addressesOf("api"),
    srt: addressesOf("srt"),
    rtc: addressesOf("rtc"),
  };
  if (endpoints.rtmp.length === 0) {
    throw new ProxyError("bad_request", "Cannot register: rtmp has no TCP endpoint");
  }
  const { server, service, pid, device_id, labels } = registration;
  return {
    ...{ id: server, generation: `${service}/${pid}`, deviceId: device_id, ip },
    ...(labels.length === 0 ? {} : { labels }),
    endpoints,
  };
}

/** @throws ProxyError `bad_request` when an address of the origin is a proxy's */
export function refuseOwnAddresses({ endpoints }: Origin, policy: AddressPolicy): void {
  for (const [protocol, addresses] of Object.entries(endpoints)) {
    const transport = TRANSPORTS[protocol as Protocol];
    for (const address of addresses) policy.refuseOwn({ transport, ...address });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProxyError("bad_request", "Cannot register: the body is not JSON");
  }
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "the body";
  return issue.received === "undefined" ? `${path} is missing` : `${path} ${issue.message}`;
}

function usableEndpoints(protocol: Protocol, texts: readonly string[]): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const text of texts) {
    const endpoint = parseNamedEndpoint(protocol, text);
    const { protocol: scheme } = endpoint;
    if (scheme === undefined || SCHEMES[protocol].includes(scheme)) endpoints.push(endpoint);
  }
  return endpoints;
}

function parseNamedEndpoint(protocol: Protocol, text: string): Endpoint {
  try {
    return parseEndpoint(text);
  } catch (cause) {
    const message = `Cannot use an endpoint in ${protocol}: current value is ${text}`;
    throw new ProxyError("bad_request", message, { cause });
  }
}

/** The registered address comes first: the one that an endpoint is bound to may be an internal one. */
function dialable(
  ip: string,
  endpoints: readonly Endpoint[],
  policy: AddressPolicy,
): readonly Address[] {
  const addresses = new Map<string, Address>();
  const add = (host: string, { port, protocol = "" }: Endpoint) => {
    const tls = SECURE.includes(protocol) ? { tls: host } : {};
    addresses.set(`${port} ${host}`, { host, port, ...tls });
  };
  for (const endpoint of endpoints) add(ip, endpoint);
  for (const endpoint of endpoints) {
    const { host } = endpoint;
    const bound = host === undefined ? undefined : policy.acceptBound(host, ip);
    if (bound !== undefined) add(bound, endpoint);
  }
  return [...addresses.values()];
}
