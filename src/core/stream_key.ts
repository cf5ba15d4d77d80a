// Which stream a request is about, by the rules with which SRS itself tells streams apart: one stream has
// one key, whatever the protocol and however the client spells it. Knows no sockets and no registry. The
// query never becomes part of a key; it is for the origin's hooks.

import { ProxyError } from "./errors.ts";
import { normalizeIp } from "./endpoint.ts";
import { trimEndOf } from "./margins.ts";
import { requireName } from "./names.ts";
import { decodePercent } from "./percent_encoding.ts";
import { shown } from "./visible_text.ts";

export interface StreamKey {
  readonly vhost: string;
  /** One path segment or more. */
  readonly app: string;
  readonly stream: string;
  /** `vhost/app/stream`. */
  readonly key: string;
}

/** The vhost of every request that names no other. */
export const DEFAULT_VHOST = "__defaultVhost__";

const DEFAULT_APP = "__defaultApp__";
const MAX_JOINED_BYTES = 240;
const TEXT = new TextEncoder();
const MEDIA_EXTENSION = /(?<=.)\.(flv|ts|mp3|aac|m3u8|mpd)$/i;

/**
 * The key of an RTMP publish or play. As in SRS, the `tcUrl` of connect decides; `app` counts only if
 * there is none. Used for every protocol that names its stream by such a URL.
 *
 * @throws ProxyError `bad_request` when a name is missing, too long or unusable
 */
export function streamKeyFromRtmp(
  request: { readonly tcUrl: string; readonly app: string; readonly stream: string },
): StreamKey {
  const [, authority = "", path] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is.exec(request.tcUrl) ??
    [];
  const [app, stream] = [splitQuery(path ?? request.app), splitQuery(request.stream)];
  const key = buildKey(authority, app, stream);
  // SRS takes these names as written.
  requireFit(key.vhost, `${app.path.replace("/", "")}/${stream.path}`);
  return key;
}

/**
 * The key of an HTTP request for media, without the extension.
 *
 * @param request `host` is the Host header, `path` is still percent-encoded, `query` may begin with `?`
 * @throws ProxyError `bad_request` when a name is missing, too long or unusable
 */
export function streamKeyFromHttp(
  request: { readonly host: string; readonly path: string; readonly query: string },
): StreamKey {
  const slash = request.path.lastIndexOf("/");
  const folder = splitQuery(request.path.slice(0, slash + 1));
  const file = splitQuery(request.path.slice(slash + 1));
  const query = `${request.query}&${file.query}`;
  return buildKey(request.host, folder, { path: file.path, query });
}

interface PathAndQuery {
  readonly path: string;
  readonly query: string;
}

/** Splits at the first `?` or `#`; the old `app...vhost...name` means `app?vhost=name`. */
function splitQuery(text: string): PathAndQuery {
  const spelled = text.replaceAll("...vhost...", "?vhost=");
  const at = spelled.search(/[?#]/);
  if (at < 0) return { path: spelled, query: "" };
  return { path: spelled.slice(0, at), query: spelled.slice(at + 1) };
}

function buildKey(authority: string, app: PathAndQuery, stream: PathAndQuery): StreamKey {
  const streamNames = splitNames(stream.path);
  // Without a stream name the client has put everything into the app: "app/stream", "app?k=v/stream".
  const slash = streamNames.length > 0 ? -1 : app.query.indexOf("/");
  const appQuery = slash < 0 ? app.query : app.query.slice(0, slash);
  const guessed = slash < 0 ? [] : splitNames(app.query.slice(slash));
  const names = [...splitNames(app.path), ...streamNames, ...guessed];
  const last = names.pop();
  const missing = last === undefined || (names.length === 0 && streamNames.length === 0);
  if (missing) {
    const message = `Cannot find a stream name: current value is ${shown(app.path)}`;
    throw new ProxyError("bad_request", message);
  }
  const vhost = chooseVhost(authority, [stream.query, appQuery]);
  const appName = names.length > 0 ? names.join("/") : DEFAULT_APP;
  const streamName = last.replace(MEDIA_EXTENSION, "");
  for (const name of [vhost, appName, streamName]) requireName(name);
  requireFit(vhost, `${appName}/${streamName}`);
  return { vhost, app: appName, stream: streamName, key: `${vhost}/${appName}/${streamName}` };
}

/** The names in a path, except empty ones and Flash's default instance. */
function splitNames(path: string): string[] {
  return path.split("/").map(cleanName).filter((name) => name !== "" && name !== "_definst_");
}

/** Decodes a name and drops the white space that SRS drops. */
function cleanName(written: string): string {
  const name = decodePercent(written).replace(/[ \n\r\t]/g, "");
  if (name === "." || name === ".." || name.includes("/")) {
    const message = `Cannot use as a stream name: current value is ${shown(name)}`;
    throw new ProxyError("bad_request", message);
  }
  return name;
}

/** Some versions of SRS crash on names of 247 to 256 bytes, joined as SRS joins them. */
function requireFit(vhost: string, path: string): void {
  const bytes = TEXT.encode(`${vhost === DEFAULT_VHOST ? "" : vhost}/${path}`).length;
  if (bytes <= MAX_JOINED_BYTES) return;
  throw new ProxyError(
    "bad_request",
    `Cannot use vhost, app and stream over ${MAX_JOINED_BYTES} bytes: current value is ${bytes} bytes`,
  );
}

/** A vhost named in a query wins over the host; a host counts as a vhost only if it is a domain. */
function chooseVhost(authority: string, queries: readonly string[]): string {
  const values = queries.flatMap((query) => query.split(/[?&;,]/));
  const named = queryValue(values, "vhost") || queryValue(values, "domain");
  if (named && named !== DEFAULT_VHOST.toLowerCase()) {
    return normalizeIp(named) === undefined ? named : DEFAULT_VHOST;
  }
  const host = canonicalHost(authority);
  return host.includes(".") && normalizeIp(host) === undefined ? host : DEFAULT_VHOST;
}

/** The first non-empty value of that name, as a host. */
function queryValue(values: readonly string[], name: string): string {
  const hosts = values
    .filter((value) => value.startsWith(`${name}=`))
    .map((value) => canonicalHost(decodePercent(value.slice(name.length + 1))));
  return hosts.find((host) => host !== "") ?? "";
}

/** A host name without user, port, upper case and trailing dots; international names in ASCII. */
function canonicalHost(authority: string): string {
  const host = authority.slice(authority.lastIndexOf("@") + 1).replace(/[/ \n\r\t]/g, "");
  const [, bracketed, bare = ""] = /^\[([^\]]*)\]|^([^:]*)/.exec(host) ?? [];
  const name = trimEndOf((bracketed ?? bare).toLowerCase(), ".");
  // What follows is not made for names of any length, and would hide some flaws.
  requireName(name);
  const ascii = [...name].every((character) => character < "\u0080");
  return ascii || !URL.canParse(`http://${name}`) ? name : new URL(`http://${name}`).hostname;
}
