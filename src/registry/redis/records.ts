// What is accepted from Redis: parsers for values and messages that other proxies, or anybody else, may have
// written. Whatever does not have the right shape is undefined, never an exception. Knows no connection.

import { normalizeIp } from "../../core/endpoint.ts";
import { normalizeHostName } from "../../core/host_name.ts";
import type { Address } from "../../core/address.ts";
import { isObject } from "../../core/json_object.ts";
import { type Origin, type OriginSettings, type Protocol, PROTOCOLS } from "../../core/origin.ts";
import type { RtcSession } from "../../core/contracts.ts";
import type { BoundAddress, ProxyPlace, SessionCounts } from "../../core/fleet.ts";
import type { StreamRecord } from "../store.ts";

/** A mapping, with the milliseconds for which it lives and is live. */
export interface TimedMapping {
  readonly record: StreamRecord;
  readonly ttl: number;
  /** 0 if it is not live. */
  readonly liveTtl: number;
}

/** A script's report about a mapping. */
export type MappingResult =
  /** This mapping holds now. */
  | { readonly outcome: "holds"; readonly mapping: TimedMapping }
  /**
   * There is no mapping; there was no room for a new one; the request came too late to be granted; it
   * could not be read or carried out.
   */
  | { readonly outcome: "none" | "full" | "late" | "failed" };

/** One message about a change in Redis. */
export interface ChangeMessage {
  /** One more than the previous message's. */
  readonly version: number;
  readonly origin?: { readonly origin: Origin; readonly ttl: number };
  readonly streams: readonly TimedMapping[];
  /** Streams whose mapping was removed. */
  readonly gone: readonly string[];
  /** The user of a session that was put or removed, and the process that did it. */
  readonly session?: { readonly user: string; readonly by: string } | undefined;
}

const MAX_TEXT = 2_048;
const MAX_ENDPOINTS = 64;
const MAX_LABELS = 64;
const MAX_TTL = 2 ** 32;

/** The value of an origin; if an id is given, it must have that id. */
export function parseOrigin(text: string, id?: string): Origin | undefined {
  const value = parseJson(text);
  if (!isObject(value) || !isObject(value.endpoints)) return undefined;
  const { generation, deviceId, ip, labels = [] } = value;
  if (!isText(value.id) || value.id === "" || (id !== undefined && value.id !== id)) {
    return undefined;
  }
  if (!isText(generation) || !isText(deviceId) || !isHost(ip)) return undefined;
  if (!Array.isArray(labels) || labels.length > MAX_LABELS || !labels.every(isText)) {
    return undefined;
  }
  const endpoints: Partial<Record<Protocol, readonly Address[]>> = {};
  for (const protocol of PROTOCOLS) {
    const addresses = value.endpoints[protocol];
    if (!Array.isArray(addresses) || addresses.length > MAX_ENDPOINTS) return undefined;
    if (!addresses.every(isPlace)) return undefined;
    endpoints[protocol] = addresses.map(({ host, port, tls }) => {
      return { host, port, ...(tls === undefined ? {} : { tls }) };
    });
  }
  return {
    ...{ id: value.id, generation, deviceId, ip },
    ...(labels.length === 0 ? {} : { labels }),
    endpoints: endpoints as Origin["endpoints"],
  };
}

/** The settings of an origin, and when they were made, by Redis's clock. */
export interface StoredSettings {
  readonly settings: OriginSettings;
  readonly at: number;
}

/** The settings of all origins, without invalid entries. */
export function parseSettings(text: string): Map<string, StoredSettings> | undefined {
  const value = parseJson(text);
  // Lua encodes an empty table as an empty list.
  if (Array.isArray(value) && value.length === 0) return new Map();
  if (!isObject(value)) return undefined;
  const all = new Map<string, StoredSettings>();
  for (const [id, entry] of Object.entries(value)) {
    const stored = storedSettings(entry);
    if (isText(id) && stored !== undefined) all.set(id, stored);
  }
  return all;
}

function storedSettings(value: unknown): StoredSettings | undefined {
  if (!isObject(value)) return undefined;
  const { draining, weight, labels, at } = value;
  if (typeof at !== "number" || typeof weight !== "number") return undefined;
  if (!(weight >= 0 && weight <= 100)) return undefined;
  if (labels !== undefined && !isText(labels)) return undefined;
  const settings = { draining: draining === 1, weight };
  if (labels === undefined) return { settings, at };
  const listed = labels.split(",").filter((label) => label !== "").slice(0, MAX_LABELS);
  return { settings: { ...settings, labels: listed }, at };
}

/** The value of a stream's mapping: the record, and how long it lives by Redis's clock. */
export function parseMapping(
  text: string,
  stream: string,
  { now, ttl }: { readonly now: number; readonly ttl: number },
): TimedMapping | undefined {
  const value = parseJson(text);
  if (!isObject(value)) return undefined;
  const { origin, claimant, confirmed, publisher = "", epoch = 0, liveUntil = 0 } = value;
  if (typeof liveUntil !== "number") return undefined;
  const liveTtl = Math.max(0, liveUntil - now);
  return timedMapping([stream, origin, claimant, confirmed, ttl, publisher, liveTtl, epoch]);
}

/** The value of that user's WebRTC session. */
export function parseSession(text: string, user: string): RtcSession | undefined {
  const value = parseJson(text);
  if (!isObject(value) || value.user !== user) return undefined;
  const { password, stream, intent, origin, media, otherMedia = [] } = value;
  if (!isText(password) || !isText(stream) || !isText(origin)) return undefined;
  if ((intent !== "publish" && intent !== "play") || !isAddress(media)) return undefined;
  if (!Array.isArray(otherMedia) || otherMedia.length > MAX_ENDPOINTS) return undefined;
  if (!otherMedia.every(isAddress)) return undefined;
  const only = ({ host, port }: Address): Address => ({ host, port });
  return {
    ...{ user, password, stream, intent, origin, media: only(media) },
    ...(otherMedia.length > 0 && { otherMedia: otherMedia.map(only) }),
  };
}

/** Where a proxy listens, and its id. */
export function parsePlace(
  text: string,
): { readonly by: string; readonly place: ProxyPlace } | undefined {
  const value = parseJson(text);
  if (!isObject(value) || !isText(value.by)) return undefined;
  const { by, ips, listeners } = value;
  if (!Array.isArray(ips) || !ips.every(isIp) || ips.length > MAX_ENDPOINTS) return undefined;
  if (!Array.isArray(listeners) || listeners.length > MAX_ENDPOINTS) return undefined;
  const bound = listeners.map((each) => boundAddressOf(each));
  if (!bound.every((each) => each !== undefined)) return undefined;
  return { by, place: { ips, listeners: bound } };
}

function boundAddressOf(value: unknown): BoundAddress | undefined {
  if (!isObject(value)) return undefined;
  const { transport, host, port } = value;
  const address = { host, port };
  if (!isAddress(address) || (transport !== "tcp" && transport !== "udp")) return undefined;
  return { transport, ...address };
}

/** The sessions that a proxy has reported. */
export function parseCounts(text: string): SessionCounts | undefined {
  const value = parseJson(text);
  if (!isObject(value) || !isObject(value.origins) || !isObject(value.streams)) return undefined;
  const isCount = (count: unknown) => Number.isSafeInteger(count) && Number(count) >= 0;
  const isTally = (tally: unknown) => isObject(tally) && Object.values(tally).every(isCount);
  const { origins, streams, publishers = {}, rates = {} } = value;
  const areOrigins = Object.values(origins).every((tally) => {
    return isTally(tally) && isObject(tally) && isCount(tally.publishers) && isCount(tally.viewers);
  });
  if (!areOrigins || !Object.values(streams).every(isTally)) return undefined;
  if (!isTally(publishers) || !isObject(rates)) return undefined;
  const areRates = Object.values(rates).every((pair) => {
    return Array.isArray(pair) && pair.length === 2 && pair.every(isCount);
  });
  if (!areRates) return undefined;
  return { origins: withRates(origins), streams, publishers, rates } as unknown as SessionCounts;
}

/** A proxy of an older version reports neither rates nor the publishers of streams. */
function withRates(origins: Record<string, unknown>): Record<string, unknown> {
  const none = { bitsIn: 0, bitsOut: 0 };
  return Object.fromEntries(
    Object.entries(origins).map(([id, tally]) => [id, { ...none, ...tally as object }]),
  );
}

/** A message from one process to the others that reports no change of stored records. */
export type Word =
  /** An origin does not answer there. */
  | { readonly kind: "suspect"; readonly origin: string }
  /** The settings of origins have changed. */
  | { readonly kind: "settings" }
  /** All sessions of a stream are to be ended. */
  | { readonly kind: "end_stream"; readonly stream: string };

/** Such a message and its sender; undefined for any other. */
export function parseWord(
  text: string,
): { readonly word: Word; readonly by: string } | undefined {
  const value = parseJson(text);
  if (!isObject(value) || !isText(value.by)) return undefined;
  const word = wordOf(value);
  return word && { word, by: value.by };
}

function wordOf({ suspect, settings, end_stream }: Record<string, unknown>): Word | undefined {
  if (isText(suspect)) return { kind: "suspect", origin: suspect };
  if (settings === true) return { kind: "settings" };
  if (isText(end_stream)) return { kind: "end_stream", stream: end_stream };
  return undefined;
}

/** A message about a change. */
export function parseMessage(text: string): ChangeMessage | undefined {
  const value = parseJson(text);
  if (!isObject(value)) return undefined;
  const version = Number(value.version);
  const { streams = [], gone = [], session: user, by, ttl } = value;
  if (!Number.isSafeInteger(version) || !Array.isArray(streams) || !Array.isArray(gone)) {
    return undefined;
  }
  const mappings = streams.map((each) => Array.isArray(each) ? timedMapping(each) : undefined);
  if (!mappings.every((each) => each !== undefined) || !gone.every(isText)) return undefined;
  const session = isText(user) && isText(by) ? { user, by } : undefined;
  if (user !== undefined && session === undefined) return undefined;
  const message = { version, streams: mappings, gone, session };
  if (value.origin === undefined) return message;
  const origin = typeof value.origin === "string" ? parseOrigin(value.origin) : undefined;
  return origin && isTtl(ttl) ? { ...message, origin: { origin, ttl } } : undefined;
}

/** The results of a script for these streams, in order. */
export function parseResults(
  text: string,
  streams: readonly string[],
): readonly MappingResult[] | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value) || value.length !== streams.length) return undefined;
  const results = value.map((each, index) => {
    return Array.isArray(each) ? resultOf(each, streams[index]!) : undefined;
  });
  return results.every((each) => each !== undefined) ? results : undefined;
}

function resultOf(fields: readonly unknown[], stream: string): MappingResult | undefined {
  const [outcome, ...rest] = fields;
  if (outcome === "none" || outcome === "full") return { outcome };
  if (outcome === "late" || outcome === "failed") return { outcome };
  const mapping = outcome === "holds" ? timedMapping([stream, ...rest]) : undefined;
  return mapping && { outcome: "holds", mapping };
}

function timedMapping(fields: readonly unknown[]): TimedMapping | undefined {
  const [stream, origin, claimant, confirmed, ttl, publisher = "", liveTtl = 0, epoch = 0] = fields;
  if (!isText(stream) || !isText(origin) || !isText(claimant) || !isText(publisher)) {
    return undefined;
  }
  if (typeof confirmed !== "boolean" || !isTtl(ttl) || !isTtl(liveTtl)) return undefined;
  if (typeof epoch !== "number" || !Number.isSafeInteger(epoch)) return undefined;
  const live = liveTtl > 0 ? publisher : "";
  const record = { stream, origin, claimant, confirmed, publisher: live, epoch };
  return { record, ttl, liveTtl: live === "" ? 0 : liveTtl };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}

function isIp(value: unknown): value is string {
  return isText(value) && normalizeIp(value) !== undefined;
}

function isHost(value: unknown): value is string {
  return isIp(value) || (isText(value) && normalizeHostName(value) === value);
}

function isAddress(value: unknown): value is Address {
  return isPlace(value) && isIp(value.host);
}

/** An address, or a host name in its place. */
function isPlace(value: unknown): value is Address {
  if (!isObject(value) || !isHost(value.host)) return false;
  const { port, tls } = value;
  if (tls !== undefined && !isHost(tls)) return false;
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function isTtl(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_TTL;
}
