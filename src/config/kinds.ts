// The kinds of values that a variable may have: each turns the variable's text into a typed value or says
// what is wrong with it. Knows no variable by name.

import { type Cidr, parseCidr } from "../core/cidr.ts";
import { parseDuration } from "../core/duration.ts";
import { type ListenAddress, normalizeIp, parseListenAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import { decodePercent } from "../core/percent_encoding.ts";
import { parsePlacement, type PlacementRule } from "../core/placement_rule.ts";
import { type HostPattern, normalizeHostName, normalizeHostPattern } from "../core/host_name.ts";
import { type MediaTarget, parseMediaTarget } from "../core/media_target.ts";
import { MAX_STREAM_ID, parseStreamId } from "../core/srt_stream_id.ts";
import type { Address } from "../core/address.ts";
import { parsePathTemplate, type PathTemplate } from "../core/path_template.ts";

/** Turns a variable's text, possibly empty, into its value. @throws ProxyError `bad_request` */
export type Kind<T> = (text: string) => T;

// A timer with more milliseconds would fire at once.
const MAX_DURATION = 2 ** 31 - 1;
const HOST_LABEL = /^[a-z0-9_-]{1,63}$/;

/** Any text, including none. */
export const text: Kind<string> = (value) => value;

/** `port`, `ip:port` or `[v6]:port`. */
export const listenAddress: Kind<ListenAddress> = parseListenAddress;

/** Milliseconds, more than 0. */
export const duration: Kind<number> = (value) => requireDuration(value, 1);

/** Milliseconds, possibly 0. */
export const durationOrZero: Kind<number> = (value) => requireDuration(value, 0);

const BYTE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Bytes, at least `lowest`: `262144`, `256k`, `32m` or `1g`. */
export function bytes(lowest: number): Kind<number> {
  return (value) => {
    const [, digits = "", unit = ""] = /^(\d{1,12})([kmg]?)$/i.exec(value) ?? [];
    const number = Number(digits) * BYTE_UNITS[unit.toLowerCase()]!;
    if (digits !== "" && number >= lowest && number <= 2 ** 40) return number;
    throw new ProxyError(
      "bad_request",
      `Cannot use anything but ${lowest} bytes or more, such as 256k or 32m: current value is ${value}`,
    );
  };
}

/** 1–65535. */
export const port: Kind<number> = (value) => requireInteger(value, 1, 65535);

/** `on` or `off`, with the usual synonyms. */
export const flag: Kind<boolean> = (value) => {
  if (/^(on|true|yes|1)$/i.test(value)) return true;
  if (/^(off|false|no|0)$/i.test(value)) return false;
  throw new ProxyError("bad_request", `Cannot use as on or off: current value is ${value}`);
};

/** An IP address or a host name, in canonical text. */
export const hostOrIp: Kind<string> = (value) => {
  const host = normalizeIp(value) ?? normalizeHostName(value);
  if (host !== undefined) return host;
  throw new ProxyError(
    "bad_request",
    `Cannot use as an IP address or a host name: current value is ${value}`,
  );
};

/** Visible ASCII, which fits into an HTTP header and a URL. Never shown in an error. */
export const token: Kind<string> = (value) => {
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  throw new ProxyError(
    "bad_request",
    "Cannot use this token: it contains spaces or characters other than visible ASCII",
  );
};

/** `user:password` for HTTP Basic authentication. Never shown in an error. */
export const credentials: Kind<string> = (value) => {
  if (value.includes(":") && !/\p{Cc}/u.test(value)) return value;
  throw new ProxyError(
    "bad_request",
    "Cannot use this as user:password: it has no colon, or contains control characters",
  );
};

/** An SRT StreamID that names a stream, such as `#!::r=live/show,m=publish`. */
export const streamId: Kind<string> = (value) => {
  const { length } = new TextEncoder().encode(value);
  if (length > MAX_STREAM_ID) {
    throw new ProxyError(
      "bad_request",
      `Cannot use a StreamID over ${MAX_STREAM_ID} bytes: current value is ${length} bytes`,
    );
  }
  parseStreamId(value);
  return value;
};

/** Address ranges separated by commas or spaces; none if empty. */
export const cidrList: Kind<readonly Cidr[]> = (value) =>
  value.split(/[\s,]+/).filter((part) => part !== "").map(parseCidr);

export interface Places {
  readonly ranges: readonly Cidr[];
  readonly names: readonly HostPattern[];
}

/** Address ranges, host names and `*.` patterns, separated by commas or spaces; none if empty. */
export const places: Kind<Places> = (value) => {
  const [ranges, names]: [Cidr[], HostPattern[]] = [[], []];
  for (const part of value.split(/[\s,]+/).filter((part) => part !== "")) {
    const name = normalizeHostPattern(part);
    if (name === undefined) ranges.push(parseCidr(part));
    else names.push(name);
  }
  return { ranges, names };
};

/** Media addresses separated by commas or spaces, at most sixteen: each one becomes a candidate. */
export const mediaTargets: Kind<readonly MediaTarget[]> = (value) => {
  const targets = value.split(/[\s,]+/).filter((part) => part !== "").map(parseMediaTarget);
  if (targets.length <= 16) return targets;
  throw new ProxyError(
    "bad_request",
    `Cannot use more than 16 addresses: current value is ${targets.length}`,
  );
};

/** Web origins (RFC 6454) separated by commas or spaces, written as browsers send them. */
export const webOrigins: Kind<readonly string[]> = (value) =>
  value.split(/[\s,]+/).filter((part) => part !== "").map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    if (url !== undefined && url.origin !== "null" && /^\/?$/.test(url.pathname + url.search)) {
      return url.origin;
    }
    throw new ProxyError(
      "bad_request",
      `Cannot use as a web site such as https://tv.example.com: current value is ${part}`,
    );
  });

/** An HTTP URL. Never shown in an error: it may contain a secret. */
export const webUrl: Kind<string> = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "") return url.href;
  throw new ProxyError("bad_request", "Cannot use as a URL such as https://hooks.example.com/srs");
};

/** Paths of files, separated by commas; none if empty. */
export const paths: Kind<readonly string[]> = (value) =>
  value.split(",").map((part) => part.trim()).filter((part) => part !== "");

/** Host names, or `*.` and a domain, separated by commas or spaces; in lower case. */
export const hostPatterns: Kind<readonly string[]> = (value) =>
  value.split(/[\s,]+/).filter((part) => part !== "").map((part) => {
    const pattern = part.toLowerCase();
    const name = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
    const isName = name.length <= 253 && name.split(".").every((label) => HOST_LABEL.test(label));
    if (isName && normalizeIp(name) === undefined) return pattern;
    throw new ProxyError("bad_request", `Cannot use as a host name: current value is ${part}`);
  });
/** `pattern=label`, separated by commas or spaces. */
export const placementRules: Kind<readonly PlacementRule[]> = parsePlacement;

/** Where an origin puts files, in SRS's notation, separated by commas or spaces; at most 32. */
export const pathTemplates: Kind<readonly PathTemplate[]> = (value) => {
  const written = value.split(/[\s,]+/).filter((part) => part !== "");
  if (written.length <= 32) return written.map(parsePathTemplate);
  throw new ProxyError(
    "bad_request",
    `Cannot use more than 32 paths: current value is ${written.length}`,
  );
};

/** `host:port` or `[v6]:port`, separated by commas or spaces; none if empty. */
export const hostsAndPorts: Kind<readonly Address[]> = (value) =>
  value.split(/[\s,]+/).filter((part) => part !== "").map((part) => {
    const [, v6, name, digits = ""] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@]+)):(\d+)$/i.exec(part) ??
      [];
    const host = v6 === undefined ? name : normalizeIp(v6);
    const number = Number(digits);
    if (host !== undefined && number >= 1 && number <= 65535) return { host, port: number };
    throw new ProxyError("bad_request", `Cannot use as host:port: current value is ${part}`);
  });

/** The parts of a Redis URL; those that are missing are undefined. */
export interface RedisUrl extends Address {
  readonly isEncrypted: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number | undefined;
}

/**
 * `redis://user:password@host:port/db`, or `rediss://` for an encrypted connection. Never shown in an
 * error: it may contain a password.
 */
export const redisUrl: Kind<RedisUrl> = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const [, db] = /^\/?(\d{0,7})$/.exec(url?.pathname ?? "?") ?? [];
  const isRedis = url?.protocol === "redis:" || url?.protocol === "rediss:";
  if (!url || !isRedis || url.hostname === "" || db === undefined || url.search || url.hash) {
    throw new ProxyError(
      "bad_request",
      "Cannot use this URL: it is not like redis://user:password@host:6379/0",
    );
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 6379),
    isEncrypted: url.protocol === "rediss:",
    username: decodePercent(url.username) || undefined,
    password: decodePercent(url.password) || undefined,
    db: db === "" ? undefined : Number(db),
  };
};

/** A prefix of Redis keys; `{}` in it would spread our keys over the nodes of a cluster. */
export const keyPrefix: Kind<string> = (value) => {
  if (!value.includes("{}")) return value;
  throw new ProxyError("bad_request", `Cannot use {} in a prefix: current value is ${value}`);
};

/** An integer between the bounds, both included. */
export function integer(lowest: number, highest: number): Kind<number> {
  return (value) => requireInteger(value, lowest, highest);
}

/** One of these words, in upper or lower case. */
export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return (value) => {
    const found = words.find((word) => word === value.toLowerCase());
    if (found !== undefined) return found;
    const choice = words.join(" or ");
    throw new ProxyError(
      "bad_request",
      `Cannot use anything but ${choice}: current value is ${value}`,
    );
  };
}

/** The same kind, except that empty means undefined. */
export function optional<T>(kind: Kind<T>): Kind<T | undefined> {
  return (value) => value === "" ? undefined : kind(value);
}

function requireDuration(value: string, lowest: number): number {
  const milliseconds = Math.round(parseDuration(value));
  if (milliseconds >= lowest && milliseconds <= MAX_DURATION) return milliseconds;
  const range = `${lowest}ms to ${Math.floor(MAX_DURATION / 3_600_000)}h`;
  throw new ProxyError(
    "bad_request",
    `Cannot use a duration outside ${range}: current value is ${value}`,
  );
}

function requireInteger(value: string, lowest: number, highest: number): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= lowest && number <= highest) return number;
  throw new ProxyError(
    "bad_request",
    `Cannot use anything but a whole number from ${lowest} to ${highest}: current value is ${value}`,
  );
}
