// The variables of HTTP, WebRTC and SRT: a part of the table in table.ts.

import {
  cidrList,
  duration,
  flag,
  integer,
  mediaTargets,
  optional,
  pathTemplates,
  streamId,
  token,
  webOrigins,
} from "./kinds.ts";
import { atStart, COUNT, live } from "./variable.ts";

const HLS_PATHS = [
  "[app]/[stream]/index.m3u8",
  "[app]/[stream]/index.mpd",
  "[app]/[stream]-[seq].ts",
  "[app]/[stream]/[seq].ts",
  "[app]/[stream]-[seq].m4s",
  "[app]/[stream]-[seq].key",
].join(",");

/** HTTP streams. */
export const HTTP = {
  PROXY_TRUSTED_PROXIES: live(
    cidrList,
    "",
    "Load balancers in front, such as 10.0.0.0/8: their X-Forwarded-* fields are believed",
  ),
  PROXY_HLS_PATHS: live(
    pathTemplates,
    HLS_PATHS,
    "Where origins put playlists and segments, in the words of SRS's hls_m3u8_file and hls_ts_file; " +
      "[app]/[stream].m3u8 and .mpd always count",
  ),
  PROXY_ORIGIN_FILES: live(
    flag,
    "off",
    "Look for recordings, pictures and the like at the origins, when they are not among our own files",
  ),
  PROXY_PLAYER_LIST: atStart(
    flag,
    "on",
    "Tell everybody which streams are live, at /api/v1/streams/live and on the play page",
  ),
  PROXY_CORS_ORIGINS: live(
    webOrigins,
    "",
    "Web sites whose pages may play and publish, such as https://tv.example.com; empty = all",
  ),
};

/** WebRTC. */
export const WEBRTC = {
  PROXY_WEBRTC_MAX_SESSIONS: atStart(COUNT, "10000", "WebRTC sessions at a time"),
  PROXY_WEBRTC_MAX_SESSIONS_PER_ADDRESS: live(
    COUNT,
    "1000",
    "The same from one IP address or IPv6 /64 that asks for them, begun or not",
  ),
  PROXY_WEBRTC_START_TIMEOUT: live(
    duration,
    "10s",
    "A session whose client has not shown itself so long after it was agreed upon is forgotten",
  ),
  PROXY_WEBRTC_CONSENT_TIMEOUT: live(
    duration,
    "30s",
    "A client that has not shown so long that it is still there is forgotten",
  ),
  PROXY_WEBRTC_CANDIDATE: live(
    mediaTargets,
    "",
    "Where clients send media, such as 203.0.113.7,media.example.com:443; empty = ?eip= of the " +
      "request, or what the origin answers",
  ),
};

/** SRT. */
export const SRT = {
  PROXY_SRT_MAX_SESSIONS: atStart(COUNT, "10000", "SRT sessions and handshakes at a time"),
  PROXY_SRT_MAX_SESSIONS_PER_ADDRESS: live(
    COUNT,
    "1000",
    "The same from one IP address (of IPv6: one /64)",
  ),
  PROXY_SRT_IDLE_TIMEOUT: live(
    duration,
    "10s",
    "A session in which one side says nothing so long is over; SRT says something every second",
  ),
  PROXY_SRT_MAX_KM_SIZE: live(
    integer(0, 65_535),
    "104",
    "Bytes of key material that a caller may send at once; SRT has no more; 0 = any number",
  ),
  PROXY_SRT_DEFAULT_STREAMID: live(
    optional(streamId),
    "",
    "StreamID of callers who bring none, such as #!::r=live/livestream,m=request; empty = refused",
  ),
  PROXY_SRT_COOKIE_SECRET: atStart(
    optional(token),
    "",
    "The same for proxies that share one address; empty = one of its own for every process",
  ),
};
