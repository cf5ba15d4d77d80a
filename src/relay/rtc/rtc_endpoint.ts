// Which of SRS's WebRTC endpoints a request is for, and which stream it names. Pure.

import { type StreamKey, streamKeyFromHttp, streamKeyFromRtmp } from "../../core/stream_key.ts";
import { ProxyError } from "../../core/errors.ts";
import { parameterOf } from "../../protocol/http/query.ts";

/** How a session is requested: with WHIP, WHEP, or the older pair of JSON requests. */
export type RtcKind = "whip" | "whep" | "publish" | "play";

/** An endpoint at which sessions are created. */
export interface RtcEndpoint {
  readonly kind: RtcKind;
  /** As SRS has it, with a trailing slash. */
  readonly path: string;
}

const KINDS: Readonly<Record<string, RtcKind>> = {
  whip: "whip",
  whep: "whep",
  "whip-play": "whep",
  publish: "publish",
  play: "play",
};
const PATH = /^\/rtc\/v1\/([a-z-]+)\/?$/;
const DEFAULT_APP = "live";
const DEFAULT_STREAM = "livestream";

/** The endpoint at a path, with or without a trailing slash; undefined if there is none. */
export function endpointAt(path: string): RtcEndpoint | undefined {
  const name = PATH.exec(path)?.[1] ?? "";
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  return kind === undefined ? undefined : { kind, path: `/rtc/v1/${name}/` };
}

/** Whether the body is bare SDP, not wrapped in JSON. */
export function isBare(kind: RtcKind): boolean {
  return kind === "whip" || kind === "whep";
}

/** What the client wants to do. As in SRS, WHIP plays when its query names another action. */
export function intentOf(kind: RtcKind, query: string): "publish" | "play" {
  if (kind !== "whip") return kind === "publish" ? "publish" : "play";
  const action = parameterOf(query, "action");
  return action === "" || action === "publish" ? "publish" : "play";
}

/**
 * The stream of a WHIP or WHEP request: `?app=` and `?stream=`, with SRS's own defaults.
 *
 * @throws ProxyError `bad_request` when the names cannot be used
 */
export function streamKeyFromQuery(host: string, query: string): StreamKey {
  const app = parameterOf(query, "app") || DEFAULT_APP;
  const stream = parameterOf(query, "stream") || DEFAULT_STREAM;
  return streamKeyFromHttp({ host, path: `/${app}/${stream}`, query });
}

/**
 * The stream of a URL such as `webrtc://host/app/stream?token=x`, split at its last slash as SRS
 * does.
 *
 * @throws ProxyError `bad_request` when it is not such a URL, or the names cannot be used
 */
export function streamKeyFromUrl(url: string): StreamKey {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    const shown = JSON.stringify(url.slice(0, 64));
    throw new ProxyError("bad_request", `Cannot use as streamurl: current value is ${shown}`);
  }
  const slash = url.lastIndexOf("/");
  return streamKeyFromRtmp({
    tcUrl: url.slice(0, slash),
    app: "",
    stream: url.slice(slash + 1),
  });
}
