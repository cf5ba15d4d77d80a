// What the labels of the metrics may contain, so that every series exists from the start, at 0:
// whoever watches a rate or waits for a first error needs that 0.

import { ERROR_CODES } from "../core/errors.ts";
import type { MetricName } from "./metric_table.ts";

const PROTOCOLS = ["rtmp", "http", "api", "srt", "rtc"];
const INTENTS = ["publish", "play"];
/** One word for one thing in all protocols: who has sent it. */
const DIRECTIONS = ["from_clients", "from_origins"];
const STATUSES = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/** Why a listener lets nobody in, or gives up on a head. */
const LIMITS = ["limit_total", "limit_per_address", "limit_descriptors"];
const HEADS = ["bad_request", "head_timeout"];
/** Whose memory for clients that are not identified is used up. */
const MEMORY = ["memory_address", "memory_total"];
/** Why the proxy itself ends sessions. */
const ENDED_BY = ["kicked", "origin_down", "stream_moved"];

/** For each metric with labels: all that each of them may hold. */
export const LABEL_VALUES: Readonly<
  Partial<Record<MetricName, Readonly<Record<string, readonly string[]>>>>
> = {
  srs_proxy_registrations_total: {
    result: ["accepted", "unauthorized", "invalid", "overloaded", "failed"],
  },
  srs_proxy_registry_moves_total: {
    reason: ["failed", "set_aside", "down", "gone", "not_offered"],
  },
  srs_proxy_registry_wait_seconds: {
    operation: ["resolve", "locate", "register", "session", "confirm"],
  },
  srs_proxy_redis_errors_total: { kind: ["late", "refused", "lost"] },
  srs_proxy_redis_local_decisions_total: { kind: ["heartbeat", "claim", "move", "publish"] },
  srs_proxy_origins_set_aside_total: { protocol: PROTOCOLS },
  srs_proxy_origins_set_aside: { protocol: PROTOCOLS },
  srs_proxy_origin_dials_total: {
    protocol: ["rtmp", "http", "api", "srt"],
    result: ["reached", "origin_unreachable", "origin_timeout", "origin_gone", "no_origin"],
  },
  srs_proxy_origin_dial_seconds: { protocol: ["rtmp", "http", "api", "srt"] },
  srs_proxy_first_byte_seconds: { protocol: ["rtmp", "http", "srt", "rtc"] },
  srs_proxy_rtmp_sessions_opened_total: { intent: INTENTS },
  srs_proxy_rtmp_sessions_closed_total: {
    intent: INTENTS,
    reason: [
      ...["client_closed", "origin_closed", "client_protocol_error", "origin_protocol_error"],
      ...["idle", "stalled", "shutdown", "moved", "error"],
      ...ENDED_BY,
    ],
  },
  srs_proxy_rtmp_refused_total: {
    reason: [
      ...LIMITS,
      ...MEMORY,
      ...["handshake_timeout", "left_in_handshake", "identify_timeout", "left_in_identify"],
      ...ERROR_CODES,
    ],
  },
  srs_proxy_rtmp_protocol_errors_total: { side: ["client", "origin"] },
  srs_proxy_rtmp_relay_bytes_total: { direction: DIRECTIONS, path: ["untouched", "rewritten"] },
  srs_proxy_http_requests_total: { kind: ["live", "hls", "dash", "part"], status: STATUSES },
  srs_proxy_http_sessions_closed_total: {
    reason: [
      ...["client_closed", "origin_closed", "origin_protocol_error", "complete"],
      ...["idle", "stalled", "shutdown"],
      ...ENDED_BY,
    ],
  },
  srs_proxy_http_refused_total: {
    reason: [...new Set([...LIMITS, ...MEMORY, ...HEADS, "method", ...ERROR_CODES])],
  },
  srs_proxy_http_relay_bytes_total: { kind: ["live", "hls", "dash", "part"] },
  srs_proxy_udp_dropped_total: {
    protocol: ["srt", "rtc"],
    reason: [
      ...["client_full", "origin_full", "truncated", "receive_overflow", "no_client", "failed"],
    ],
  },
  srs_proxy_srt_sessions_opened_total: { intent: INTENTS },
  srs_proxy_srt_sessions_closed_total: {
    intent: INTENTS,
    reason: [
      ...["client_closed", "origin_closed", "client_silent", "origin_gone", "shutdown"],
      ...ENDED_BY,
    ],
  },
  srs_proxy_srt_refused_total: { reason: ERROR_CODES },
  srs_proxy_srt_relay_packets_total: { direction: DIRECTIONS },
  srs_proxy_srt_relay_bytes_total: { direction: DIRECTIONS },
  srs_proxy_srt_dropped_total: {
    reason: [
      ...["malformed", "unknown_socket", "bad_cookie", "old_version", "bad_handshake"],
      ...["no_stream_id", "bad_stream_id", "key_material", "session_limit", "address_limit"],
      "draining",
    ],
  },
  srs_proxy_rtc_sessions_opened_total: { intent: INTENTS },
  srs_proxy_rtc_sessions_closed_total: {
    intent: INTENTS,
    reason: [
      ...["consent_expired", "origin_gone", "deleted", "client_closed", "shutdown", "stream_busy"],
      ...ENDED_BY,
    ],
  },
  srs_proxy_rtc_sessions_unused_total: {
    reason: ["never_started", "origin_gone", "deleted", "client_closed", "shutdown", "kicked"],
  },
  srs_proxy_rtc_relay_packets_total: { direction: DIRECTIONS },
  srs_proxy_rtc_relay_bytes_total: { direction: DIRECTIONS },
  srs_proxy_rtc_dropped_total: {
    reason: [
      ...["unknown_address", "malformed", "unknown_user", "bad_integrity", "verify_limit"],
      ...["address_limit", "socket_limit"],
    ],
  },
  srs_proxy_api_refused_total: { reason: [...LIMITS, ...MEMORY, ...HEADS] },
  srs_proxy_system_refused_total: { reason: [...LIMITS, ...MEMORY, ...HEADS] },
  srs_proxy_http_file_searches_total: { result: ["found", "missing", "overloaded"] },
  srs_proxy_rtc_requests_total: {
    kind: ["whip", "whep", "publish", "play", "session", "other"],
    status: STATUSES,
  },
  srs_proxy_rtc_refused_total: { reason: ERROR_CODES },
};

/** Every combination of the values of a metric's labels; one without labels when it has none. */
export function seriesOf(name: MetricName): readonly Readonly<Record<string, string>>[] {
  let series: readonly Readonly<Record<string, string>>[] = [{}];
  for (const [label, values] of Object.entries(LABEL_VALUES[name] ?? {})) {
    series = series.flatMap((labels) => values.map((value) => ({ ...labels, [label]: value })));
  }
  return series;
}
