// The part of the table of variables about HTTP, WebRTC and SRT.

import {
  cidrList,
  duration,
  flag,
  integer,
  listenAddress,
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

export const HTTP = {
  PROXY_TRUSTED_PROXIES: live(
    cidrList,
    "",
    "Load balancers in front, such as 10.0.0.0/8, whose X-Forwarded-* fields and PROXY headers count",
  ),
  PROXY_HLS_PATHS: live(
    pathTemplates,
    HLS_PATHS,
    "Where origins put playlists and segments, written like SRS's hls_m3u8_file and hls_ts_file; " +
      "[app]/[stream].m3u8 and .mpd are always included",
  ),
  PROXY_ORIGIN_FILES: live(
    flag,
    "off",
    "Ask origins for recordings, pictures and the like that the proxy itself does not have",
  ),
  PROXY_PLAYER_LIST: atStart(
    flag,
    "on",
    "Show everybody which streams are live, at /api/v1/streams/live and on the play page",
  ),
  PROXY_CORS_ORIGINS: live(
    webOrigins,
    "",
    "Web sites whose pages may play and publish, such as https://tv.example.com; empty = all",
  ),
};

export const WEBRTC = {
  PROXY_WEBRTC_TCP_SERVER: atStart(
    optional(listenAddress),
    "",
    "WebRTC media where UDP is blocked (TCP); may be the port of PROXY_HTTPS_SERVER or " +
      "PROXY_HTTP_SERVER; empty = none",
  ),
  PROXY_WEBRTC_MAX_SESSIONS: atStart(COUNT, "10000", "Most WebRTC sessions at once"),
  PROXY_WEBRTC_MAX_SESSIONS_PER_ADDRESS: live(
    COUNT,
    "1000",
    "The same for one IP address (for IPv6, one /64), counted from the offer on",
  ),
  PROXY_WEBRTC_START_TIMEOUT: live(
    duration,
    "10s",
    "How long a new session waits for its client's first packet",
  ),
  PROXY_WEBRTC_CONSENT_TIMEOUT: live(
    duration,
    "30s",
    "How long a session outlives its client's last sign of consent (STUN)",
  ),
  PROXY_WEBRTC_CANDIDATE: live(
    mediaTargets,
    "",
    "Where clients send media, such as 203.0.113.7,media.example.com:443; empty = the request's " +
      "?eip=, or what the origin answers",
  ),
  PROXY_WEBRTC_TCP_CANDIDATE: live(
    mediaTargets,
    "",
    "The same for media over TCP; empty = the same addresses, with the port of " +
      "PROXY_WEBRTC_TCP_SERVER",
  ),
};

export const SRT = {
  PROXY_SRT_MAX_SESSIONS: atStart(COUNT, "10000", "Most SRT sessions and handshakes at once"),
  PROXY_SRT_MAX_SESSIONS_PER_ADDRESS: live(
    COUNT,
    "1000",
    "The same for one IP address (for IPv6, one /64)",
  ),
  PROXY_SRT_IDLE_TIMEOUT: live(
    duration,
    "10s",
    "How long a session lasts without a packet from one side; SRT sends one every second",
  ),
  PROXY_SRT_MAX_KM_SIZE: live(
    integer(0, 65_535),
    "104",
    "Most bytes of key material that a caller may send at once; SRT never needs more; 0 = no limit",
  ),
  PROXY_SRT_DEFAULT_STREAMID: live(
    optional(streamId),
    "",
    "StreamID for callers without one, such as #!::r=live/livestream,m=request; empty = refuse them",
  ),
  PROXY_SRT_COOKIE_SECRET: atStart(
    optional(token),
    "",
    "Secret of SRT cookies: the same on all proxies behind one address; empty = random",
  ),
};
