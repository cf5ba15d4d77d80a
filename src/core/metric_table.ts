// Every counter, gauge and histogram of the program by name, with all values of its labels: these are few
// and known in advance, so that every series exists from the start, at 0. Whoever watches a rate or waits
// for a first error needs the 0 before it. The compiler rejects any other name or value.

import { ERROR_CODES } from "./errors.ts";
import {
  counter,
  gauge,
  histogram,
  type Kind,
  type MetricDeclaration,
} from "./metric_declaration.ts";
import {
  DIRECTIONS,
  ENDED_BY,
  HEADERS,
  HTTP_REFUSALS,
  INTENTS,
  LIMITS,
  MEMORY,
  RTC_ENDS,
  STATUSES,
  words,
} from "./metric_labels.ts";
import { PROTOCOLS } from "./origin.ts";

/** Lanes are numbered from 1; their series appear with them, since their number varies. */
type PerLane = { readonly lane: string };

/** Upper bounds of the buckets of every histogram, in seconds. */
export const BUCKETS: readonly number[] = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2],
  ...[0.5, 1, 5],
];

/** The declarations, in the order in which they are exposed. */
export const METRICS = {
  srs_proxy_draining: gauge("1 once no new clients are accepted."),
  srs_proxy_event_loop_lag_seconds: histogram(
    "How late timers of the main thread are, measured four times a second.",
  ),
  srs_proxy_tls_certificate_days: gauge("Whole days until the first certificate expires."),
  srs_proxy_tls_reload_failures_total: counter("Certificate files that could not be loaded."),
  srs_proxy_origin_tls_failures_total: counter("Failed TLS handshakes with origins."),
  srs_proxy_lanes: gauge("Threads that serve RTMP and HTTP clients."),
  srs_proxy_lane_failures_total: counter("Lanes that have failed."),
  srs_proxy_lane_connections: gauge<PerLane>(
    "TCP connections of clients, by the lane that serves them.",
    { lane: [] },
  ),
  srs_proxy_lane_lag_seconds: histogram<PerLane>(
    "How long a lane takes to answer the main thread, which asks once a second.",
    { lane: [] },
  ),
  srs_proxy_lane_cpu_seconds_total: counter<PerLane>(
    "CPU time of lanes; 0 where the system does not report it.",
    { lane: [] },
  ),
  srs_proxy_lane_known_answers_total: counter(
    "Questions that lanes answered without the registry, by operation: resolve, locate, owner.",
    { operation: ["resolve", "locate", "owner"] },
  ),
  srs_proxy_origins: gauge("Registered origins, refreshed every few seconds."),
  srs_proxy_streams: gauge("Streams mapped to an origin, refreshed every few seconds."),
  srs_proxy_registrations_total: counter(
    "Registration requests, by result: accepted, unauthorized, invalid, overloaded, failed.",
    {
      result: ["accepted", "unauthorized", "invalid", "overloaded", "failed"],
    },
  ),
  srs_proxy_registry_picks_total: counter("New streams for which an origin was picked."),
  srs_proxy_registry_moves_total: counter(
    "Streams moved to another origin, by reason.",
    { reason: ["failed", "set_aside", "down", "gone", "not_offered", "draining"] },
  ),
  srs_proxy_registry_divided_streams_total: counter(
    "Streams found to be published at two origins at once, by proxies that could not agree.",
  ),
  srs_proxy_registry_strays_total: counter(
    "Viewers ended because they waited at an origin that does not have their stream.",
  ),
  srs_proxy_registry_errors_total: counter("Background writes to the registry that failed."),
  srs_proxy_registry_wait_seconds: histogram(
    "Time that requests have waited for the registry, by operation: resolve, locate, " +
      "register, session, confirm.",
    {
      operation: ["resolve", "locate", "register", "session", "confirm"],
    },
  ),
  srs_proxy_redis_up: gauge("1 while Redis is in use, 0 while the proxy decides without it."),
  srs_proxy_redis_errors_total: counter(
    "Failures of Redis, by kind: late, refused, lost.",
    { kind: ["late", "refused", "lost"] },
  ),
  srs_proxy_redis_local_decisions_total: counter(
    "Decisions made without Redis, by kind: heartbeat, claim, move, publish.",
    { kind: ["heartbeat", "claim", "move", "publish"] },
  ),
  srs_proxy_redis_ignored_values_total: counter(
    "Invalid values and messages found in Redis and ignored.",
  ),
  srs_proxy_redis_full_reads_total: counter("Times everything in Redis was read."),
  srs_proxy_origins_set_aside_total: counter(
    "Times an origin was set aside for a protocol because it did not answer.",
    { protocol: PROTOCOLS },
  ),
  srs_proxy_origins_down: gauge("Origins that leave probes unanswered."),
  srs_proxy_origins_down_total: counter(
    "Times an origin was found to be down: it left three probes in a row unanswered.",
  ),
  srs_proxy_events_dropped_total: counter("Events lost to listeners that were too slow."),
  srs_proxy_health_probes_total: counter(
    "Probes of origins that were not suspect.",
    { result: ["answered", "missed"] },
  ),
  srs_proxy_origins_set_aside: gauge(
    "Origins currently set aside for a protocol.",
    { protocol: PROTOCOLS },
  ),
  srs_proxy_origin_dial_seconds: histogram(
    "Time to reach an origin, its handshake included where there is one, by protocol.",
    { protocol: ["rtmp", "http", "api", "srt"] },
  ),
  srs_proxy_first_byte_seconds: histogram(
    "Time from a client's request for a stream to the first byte of an origin's answer, by protocol.",
    { protocol: ["rtmp", "http", "srt", "rtc"] },
  ),
  srs_proxy_origin_dials_total: counter(
    "Connections dialled to origins, by protocol and result.",
    {
      protocol: ["rtmp", "http", "api", "srt"],
      result: ["reached", "origin_unreachable", "origin_timeout", "origin_gone", "no_origin"],
    },
  ),
  srs_proxy_identify_memory_bytes: gauge(
    "Bytes kept for clients that have not yet said what they want.",
  ),
  srs_proxy_rtmp_connections: gauge("Open RTMP connections of clients."),
  srs_proxy_rtmp_sessions_opened_total: counter(
    "RTMP sessions that reached an origin, by intent: publish, play.",
    { intent: INTENTS },
  ),
  srs_proxy_rtmp_sessions_closed_total: counter(
    "RTMP sessions that ended after reaching an origin, by intent and reason.",
    {
      intent: INTENTS,
      reason: [
        ...words(
          "client_closed",
          "origin_closed",
          "client_protocol_error",
          "origin_protocol_error",
        ),
        ...words("idle", "stalled", "shutdown", "moved", "error"),
        ...ENDED_BY,
      ],
    },
  ),
  srs_proxy_rtmp_refused_total: counter(
    "RTMP clients refused before a session was opened, by reason.",
    {
      reason: [
        ...LIMITS,
        ...HEADERS,
        ...MEMORY,
        ...words("handshake_timeout", "left_in_handshake", "identify_timeout", "left_in_identify"),
        ...ERROR_CODES,
      ],
    },
  ),
  srs_proxy_rtmp_protocol_errors_total: counter(
    "RTMP connections whose bytes broke the protocol, by side: client, origin.",
    { side: ["client", "origin"] },
  ),
  srs_proxy_rtmp_relay_bytes_total: counter(
    "RTMP bytes relayed, by direction (from_clients, from_origins) and path (untouched, rewritten).",
    { direction: DIRECTIONS, path: ["untouched", "rewritten"] },
  ),
  srs_proxy_http_connections: gauge("Open connections of clients to the HTTP server."),
  srs_proxy_http_requests_total: counter(
    "Answered requests for media, by kind (live, hls, dash, part) and class of the status.",
    { kind: ["live", "hls", "dash", "part"], status: STATUSES },
  ),
  srs_proxy_http_sessions_opened_total: counter("Live streams that began to flow over HTTP."),
  srs_proxy_http_sessions_closed_total: counter(
    "Live streams over HTTP that ended, by reason.",
    {
      reason: [
        ...words("client_closed", "origin_closed", "origin_protocol_error", "complete"),
        ...words("idle", "stalled", "shutdown"),
        ...ENDED_BY,
      ],
    },
  ),
  srs_proxy_http_refused_total: counter(
    "HTTP connections and requests refused or failed, by reason.",
    {
      reason: [...HTTP_REFUSALS, ...ERROR_CODES.filter((code) => code !== "bad_request")],
    },
  ),
  srs_proxy_http_file_searches_total: counter(
    "Files looked for at the origins, by result: found, missing, overloaded.",
    { result: ["found", "missing", "overloaded"] },
  ),
  srs_proxy_http_relay_bytes_total: counter(
    "Bytes sent to HTTP clients, heads included, by kind of media.",
    { kind: ["live", "hls", "dash", "part"] },
  ),
  srs_proxy_udp_dropped_total: counter(
    "Datagrams lost below the relays, by protocol and reason: client_full, origin_full, " +
      "truncated, receive_overflow, no_client, failed.",
    {
      protocol: ["srt", "rtc"],
      reason: [
        ...words(
          "client_full",
          "origin_full",
          "truncated",
          "receive_overflow",
          "no_client",
          "failed",
        ),
      ],
    },
  ),
  srs_proxy_srt_sessions: gauge("SRT handshakes and sessions in progress."),
  srs_proxy_srt_sessions_opened_total: counter(
    "SRT sessions that an origin has accepted, by intent.",
    { intent: INTENTS },
  ),
  srs_proxy_srt_sessions_closed_total: counter(
    "SRT sessions that ended after beginning, by intent and reason.",
    {
      intent: INTENTS,
      reason: [
        ...words("client_closed", "origin_closed", "client_silent", "origin_gone", "shutdown"),
        ...words("client_restarted", "lane_failed"),
        ...ENDED_BY,
      ],
    },
  ),
  srs_proxy_srt_refused_total: counter(
    "SRT callers whose valid request failed, by reason.",
    { reason: ERROR_CODES },
  ),
  srs_proxy_srt_relay_packets_total: counter(
    "SRT packets relayed, by direction: from_clients, from_origins.",
    { direction: DIRECTIONS },
  ),
  srs_proxy_srt_relay_bytes_total: counter(
    "Bytes of SRT packets relayed, by direction: from_clients, from_origins.",
    { direction: DIRECTIONS },
  ),
  srs_proxy_srt_dropped_total: counter(
    "Datagrams of SRT clients dropped or refused at once, by reason: malformed, unknown_socket, " +
      "bad_cookie, old_version, bad_handshake, loop, no_stream_id, bad_stream_id, key_material, " +
      "session_limit, address_limit, draining.",
    {
      reason: [
        ...words(
          "malformed",
          "unknown_socket",
          "bad_cookie",
          "old_version",
          "bad_handshake",
          "loop",
        ),
        ...words("no_stream_id", "bad_stream_id", "key_material", "session_limit", "address_limit"),
        "draining",
      ],
    },
  ),
  srs_proxy_rtc_sessions: gauge("WebRTC sessions, including those whose media has not begun."),
  srs_proxy_rtc_sessions_opened_total: counter(
    "WebRTC sessions whose client has proved itself, by intent.",
    { intent: INTENTS },
  ),
  srs_proxy_rtc_sessions_closed_total: counter(
    "WebRTC sessions that ended after beginning, by intent and reason.",
    {
      intent: INTENTS,
      reason: RTC_ENDS,
    },
  ),
  srs_proxy_rtc_sessions_unused_total: counter(
    "WebRTC sessions that ended before any media arrived here, by reason.",
    {
      reason: RTC_ENDS,
    },
  ),
  srs_proxy_rtc_relay_packets_total: counter(
    "WebRTC datagrams relayed, by direction: from_clients, from_origins.",
    { direction: DIRECTIONS },
  ),
  srs_proxy_rtc_relay_bytes_total: counter(
    "Bytes of WebRTC datagrams relayed, by direction: from_clients, from_origins.",
    { direction: DIRECTIONS },
  ),
  srs_proxy_rtc_dropped_total: counter(
    "Datagrams of WebRTC clients dropped, by reason: unknown_address, malformed, unknown_user, " +
      "bad_integrity, verify_limit, address_limit, socket_limit; towards them over TCP: tcp_full, and " +
      "from them: tcp_too_long.",
    {
      reason: [
        ...words("unknown_address", "malformed", "unknown_user", "bad_integrity", "verify_limit"),
        ...words("address_limit", "socket_limit", "tcp_full", "tcp_too_long"),
      ],
    },
  ),
  srs_proxy_system_refused_total: counter(
    "Connections and requests refused by the System API before they were handled, by reason.",
    { reason: HTTP_REFUSALS },
  ),
  srs_proxy_api_refused_total: counter(
    "Connections and requests refused by the HTTP API before they were handled, by reason.",
    { reason: HTTP_REFUSALS },
  ),
  srs_proxy_management_refused_total: counter(
    "Requests to manage that were refused, on either API, by reason: no_token, " +
      "wrong_token, failures (too many wrong ones), address (no token is set), site (of a web page).",
    { reason: ["no_token", "wrong_token", "failures", "address", "site"] },
  ),
  srs_proxy_rtc_tcp_connections: gauge("Open connections of WebRTC clients over TCP."),
  srs_proxy_rtc_tcp_refused_total: counter(
    "WebRTC connections over TCP refused or closed before the client proved itself, by reason.",
    { reason: [...LIMITS, ...HEADERS, ...words("malformed", "unproved")] },
  ),
  srs_proxy_rtc_requests_total: counter(
    "Answered WebRTC requests, by kind (whip, whep, publish, play, session, other) and class " +
      "of the status.",
    {
      kind: ["whip", "whep", "publish", "play", "session", "other"],
      status: STATUSES,
    },
  ),
  srs_proxy_rtc_refused_total: counter(
    "WebRTC requests that the proxy refused or that failed, by reason.",
    { reason: ERROR_CODES },
  ),
  srs_proxy_rtc_registry_errors_total: counter(
    "WebRTC sessions that could not be announced to other proxies.",
  ),
  srs_proxy_log_lines_lost_total: counter(
    "Log lines lost because their reader was too slow.",
  ),
} as const;

type Table = typeof METRICS;

/** A declared name, of one kind if given. */
export type MetricName<K extends Kind = Kind> = {
  [Name in keyof Table]: Table[Name]["kind"] extends K ? Name : never;
}[keyof Table];

/** The labels of a metric, all of which must be given each time. */
export type LabelsOf<Name extends MetricName> = AllLabels[Name];

type AllLabels = { readonly [Name in MetricName]: DeclaredLabels<Table[Name]> };
type DeclaredLabels<D> = D extends MetricDeclaration<Kind, infer L> ? L : never;

/** The values of a label. */
export type LabelValue<Name extends MetricName, Label extends keyof LabelsOf<Name>> = LabelsOf<
  Name
>[Label];

/** A declared name without labels. */
export type PlainName<K extends Kind> = {
  [Name in MetricName<K>]: keyof LabelsOf<Name> extends never ? Name : never;
}[MetricName<K>];

/** A declared name with labels. */
export type LabelledName<K extends Kind> = Exclude<MetricName<K>, PlainName<K>>;

/** The class of an HTTP status, for a label. @param status 100–599 */
export function statusClass(status: number): typeof STATUSES[number] {
  return STATUSES[Math.floor(status / 100) - 1]!;
}

/** Every combination of a metric's label values; a single empty one if it has no labels. */
export function seriesOf(name: MetricName): readonly Readonly<Record<string, string>>[] {
  let series: readonly Readonly<Record<string, string>>[] = [{}];
  const { labels }: MetricDeclaration = METRICS[name];
  for (const [label, values] of Object.entries(labels)) {
    series = series.flatMap((before) => values.map((value) => ({ ...before, [label]: value })));
  }
  return series;
}
