// Where an origin puts the files of a stream, in SRS's notation: `[app]/[stream]-[seq].ts`. Extracts a
// stream's names from a path as text; names stay percent-encoded. Knows no requests. SRS's conf/full.conf
// documents the variables, at hls_m3u8_file, hls_ts_file and dvr_path.

import { ProxyError } from "./errors.ts";

/** One parsed template. */
export interface PathTemplate {
  /** As it was written. */
  readonly text: string;
  /** Patterns of the names before `[app]`, or of all names if there is no `[app]`. */
  readonly before: readonly RegExp[];
  /** Whether it contains `[app]`, which matches one name or several. */
  readonly hasApp: boolean;
  /** Patterns of the names after `[app]`. */
  readonly behind: readonly RegExp[];
  /** Whether it names the stream; otherwise a matching path only belongs to some stream. */
  readonly hasStream: boolean;
}

/** What a path says according to a template, percent-encoded as in the path; `app` may contain slashes. */
export interface PathNames {
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
}

/** Limits on the length of a name in a path and on the number of names. */
const MAX_NAME = 1024;
const MAX_NAMES = 32;
const MAX_TEMPLATE = 256;
const NUMBERS: Readonly<Record<string, string>> = {
  seq: "\\d+",
  timestamp: "\\d+",
  duration: "\\d+",
  2006: "\\d{4}",
  "01": "\\d{2}",
  "02": "\\d{2}",
  15: "\\d{2}",
  "04": "\\d{2}",
  "05": "\\d{2}",
  999: "\\d{3}",
};
const NAMES: readonly string[] = ["vhost", "app", "stream"];
const NAME = /^(?:\[[a-z0-9]+\]|[A-Za-z0-9._~-])+$/;

/**
 * Parses a template; a leading slash is ignored.
 *
 * @throws ProxyError `bad_request` when SRS would not understand it
 */
export function parsePathTemplate(written: string): PathTemplate {
  const text = written.replace(/^\//, "");
  const names = text.split("/");
  const appAt = names.indexOf("[app]");
  const stands = names.every((name) => NAME.test(name) && name !== "." && name !== "..");
  const variables = [...text.matchAll(/\[([a-z0-9]+)\]/g)].map(([, name = ""]) => name);
  const unknown = variables.find((name) => !NAMES.includes(name) && !(name in NUMBERS));
  const twice = NAMES.find((name) => variables.indexOf(name) !== variables.lastIndexOf(name));
  // Two of them in one name could be split in many ways, at great cost.
  const isVague = names.some((name) => (name.match(/\[(?:vhost|app|stream)\]/g) ?? []).length > 1);
  const hasExtension = /\.[A-Za-z0-9]+$/.test(names.at(-1) ?? "");
  if (!stands || unknown !== undefined || twice !== undefined || isVague || !hasExtension) {
    throw badTemplate(written);
  }
  if (text.length > MAX_TEMPLATE || names.length > MAX_NAMES) throw badTemplate(written);
  const patterns = names.map(patternOf);
  return {
    text,
    before: appAt < 0 ? patterns : patterns.slice(0, appAt),
    hasApp: appAt >= 0,
    behind: appAt < 0 ? [] : patterns.slice(appAt + 1),
    hasStream: variables.includes("stream"),
  };
}

function badTemplate(written: string): ProxyError {
  const shown = JSON.stringify(written.slice(0, MAX_TEMPLATE));
  return new ProxyError(
    "bad_request",
    `Cannot use as a path such as [app]/[stream]-[seq].ts: current value is ${shown}`,
  );
}

function patternOf(name: string): RegExp {
  const source = name.replace(/\[([a-z0-9]+)\]|\./g, (_, variable?: string) => {
    if (variable === undefined) return "\\.";
    return NUMBERS[variable] ?? `(?<${variable}>.+)`;
  });
  return new RegExp(`^${source}$`);
}

/**
 * What a path says according to a template; undefined if it does not match.
 *
 * @param names of the path, percent-encoded, as split by `namesOf`
 */
export function matchPath(template: PathTemplate, names: readonly string[]): PathNames | undefined {
  const { before, behind, hasApp } = template;
  const appNames = names.length - before.length - behind.length;
  if (hasApp ? appNames < 1 : appNames !== 0) return undefined;
  const found = { vhost: "", app: "", stream: "" };
  if (hasApp) found.app = names.slice(before.length, before.length + appNames).join("/");
  const fixed = [...names.slice(0, before.length), ...names.slice(before.length + appNames)];
  const patterns = [...before, ...behind];
  for (const [index, name] of fixed.entries()) {
    const match = patterns[index]!.exec(name);
    if (match === null) return undefined;
    Object.assign(found, match.groups);
  }
  return found;
}

/** The names of a path; undefined if there are too many, or one is too long to be a stream's. */
export function namesOf(path: string): string[] | undefined {
  const names = path.split("/").filter((name) => name !== "");
  const fits = names.length <= MAX_NAMES && names.every(({ length }) => length <= MAX_NAME);
  return fits ? names : undefined;
}
