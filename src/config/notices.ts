// Finds what is valid in a configuration but probably not intended: unknown names, and variables that
// have no effect in combination with others. Reads no file.

import { addressKind } from "../core/cidr.ts";
import { type ListenAddress, normalizeIp } from "../core/endpoint.ts";
import { type Config, loadConfig } from "./config.ts";
import { VARIABLES } from "./table.ts";
import type { Settings } from "./environment.ts";

const PREFIX = "PROXY_";
/** Longer names are not compared. */
const LONGEST_NAME = 64;
/** Limit on the edit distance between a name and the one that was probably meant. */
const MAX_DISTANCE = 6;

/** Notices about valid settings; one line each, in the form of problems. */
export function findNotices(settings: Settings): string[] {
  const config = loadConfig(settings);
  return [
    ...settings.notices,
    ...unknownNames(settings),
    ...withoutEffect(settings, config),
    ...ownBackend(config),
  ];
}

/** Unknown names with our prefix, and what was probably meant. */
export function unknownNames({ variables }: Settings): string[] {
  const unknown = Object.keys(variables).filter((name) => {
    return name.startsWith(PREFIX) && !(name in VARIABLES);
  });
  return unknown.map((name) => {
    const nearest = nearestName(name);
    return nearest === undefined
      ? `${name}: There is no such variable`
      : `${name}: There is no such variable; perhaps you meant ${nearest}`;
  });
}

function nearestName(name: string): string | undefined {
  if (name.length > LONGEST_NAME) return undefined;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const known of Object.keys(VARIABLES)) {
    const distance = distanceOf(name.slice(PREFIX.length), known.slice(PREFIX.length));
    if (best === undefined || distance < best.distance) best = { name: known, distance };
  }
  const isNear = best !== undefined &&
    best.distance <= Math.min(MAX_DISTANCE, (name.length - PREFIX.length) / 2);
  return isNear ? best!.name : undefined;
}

/** Levenshtein distance: letters to insert, remove or change. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const changed = row[to - 1]! + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(changed, row[to]! + 1, next[to - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}

function withoutEffect(settings: Settings, { registry, defaultBackend }: Config): string[] {
  const isSet = (name: string) => (settings.variables[name] ?? "").trim() !== "";
  const setOf = (pattern: RegExp) =>
    Object.keys(VARIABLES).filter((name) => pattern.test(name) && isSet(name));
  const notices: string[] = [];
  const add = (pattern: RegExp, reason: string) => {
    for (const name of setOf(pattern)) notices.push(`${name}: Has no effect: ${reason}`);
  };
  if (registry.type === "memory") {
    add(/^PROXY_REDIS_/, "PROXY_LOAD_BALANCER_TYPE is memory");
  }
  if (defaultBackend === undefined) {
    add(/^PROXY_DEFAULT_BACKEND_(?!ENABLED$)/, "PROXY_DEFAULT_BACKEND_ENABLED is off");
  }
  if (!isOn(settings, "PROXY_HTTP_API_AUTH_ENABLED")) {
    add(/^PROXY_HTTP_API_AUTH_(?!ENABLED$)/, "PROXY_HTTP_API_AUTH_ENABLED is off");
  }
  return notices;
}

function isOn(settings: Settings, name: "PROXY_HTTP_API_AUTH_ENABLED"): boolean {
  return VARIABLES[name].kind(settings.variables[name]?.trim() || VARIABLES[name].default);
}

/** Reports a default backend that is the proxy itself: streams would go round in circles. */
function ownBackend({ listen, defaultBackend }: Config): string[] {
  if (defaultBackend === undefined) return [];
  const { ip, rtmp, http, api, srt, rtc } = defaultBackend;
  const doors: [string, number | undefined, readonly ListenAddress[]][] = [
    ["PROXY_DEFAULT_BACKEND_RTMP", rtmp, [listen.rtmp]],
    ["PROXY_DEFAULT_BACKEND_HTTP", http, [listen.httpServer]],
    ["PROXY_DEFAULT_BACKEND_API", api, [listen.httpApi]],
    ["PROXY_DEFAULT_BACKEND_SRT", srt, [listen.srt]],
    ["PROXY_DEFAULT_BACKEND_RTC", rtc, [listen.webrtc]],
  ];
  return doors.flatMap(([name, port, listeners]) => {
    const isOurs = listeners.some((own) => own.port === port && leadsHere(ip, own.host));
    return isOurs ? [`${name}: The proxy itself listens there: current value is ${port}`] : [];
  });
}

/** @param bound where we listen; undefined = everywhere */
function leadsHere(ip: string, bound: string | undefined): boolean {
  if (ip === bound || ip === "localhost") return true;
  if (normalizeIp(ip) === undefined || addressKind(ip) !== "loopback") return false;
  return bound === undefined || addressKind(bound) === "unspecified";
}
