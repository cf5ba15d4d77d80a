// Every counter, gauge and histogram of the program by name. Labels have few values, known in
// advance.

interface MetricDeclaration {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

/** The upper ends of the buckets of every histogram, in seconds. */
export const BUCKETS: readonly number[] = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2],
  ...[0.5, 1, 5],
];

function counter(help: string, ...labels: string[]): MetricDeclaration {
  return { kind: "counter", help, labels };
}

function gauge(help: string, ...labels: string[]): MetricDeclaration {
  return { kind: "gauge", help, labels };
}

function histogram(help: string, ...labels: string[]): MetricDeclaration {
  return { kind: "histogram", help, labels };
}

/** The declarations, in the order in which they are exposed. */
export const METRICS = {
  srs_proxy_draining: gauge("1 once no new client is taken."),
  srs_proxy_event_loop_lag_seconds: histogram(
    "How late timers of the main thread are, measured four times a second.",
  ),
  srs_proxy_origins: gauge("Registered origins, refreshed every few seconds."),
  srs_proxy_streams: gauge("Streams mapped to an origin, refreshed every few seconds."),
  srs_proxy_registrations_total: counter(
    "Registration requests, by result: accepted, unauthorized, invalid, overloaded, failed.",
    "result",
  ),
  srs_proxy_registry_picks_total: counter("New streams for which an origin was picked."),
  srs_proxy_registry_moves_total: counter(
    "Streams moved to another origin, by reason: failed, set_aside, down, gone, not_offered.",
    "reason",
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
    "operation",
  ),
  srs_proxy_redis_up: gauge("1 while Redis is in use, 0 while the proxy decides without it."),
  srs_proxy_redis_errors_total: counter(
    "Failures of Redis, by kind: late, refused, lost.",
    "kind",
  ),
  srs_proxy_redis_local_decisions_total: counter(
    "Decisions made without Redis, by kind: heartbeat, claim, move, publish.",
    "kind",
  ),
  srs_proxy_redis_ignored_values_total: counter(
    "Invalid values and messages found in Redis and ignored.",
  ),
  srs_proxy_redis_full_reads_total: counter("Times everything in Redis was read."),
  srs_proxy_origins_set_aside_total: counter(
    "Times an origin was set aside for a protocol because it did not answer.",
    "protocol",
  ),
  srs_proxy_origins_down: gauge(
    "Origins that leave probes unanswered, refreshed every few seconds.",
  ),
  srs_proxy_origins_down_total: counter(
    "Times an origin was found to be down: it left three probes in a row unanswered.",
  ),
  srs_proxy_origins_set_aside: gauge(
    "Origins currently set aside for a protocol.",
    "protocol",
  ),
  srs_proxy_origin_dial_seconds: histogram(
    "Time to reach an origin, its handshake included where there is one, by protocol.",
    "protocol",
  ),
  srs_proxy_first_byte_seconds: histogram(
    "Time from a client's request for a stream to the first byte of an origin's answer, by protocol.",
    "protocol",
  ),
  srs_proxy_origin_dials_total: counter(
    "Connections dialled to origins, by protocol and result.",
    "protocol",
    "result",
  ),
  srs_proxy_identify_memory_bytes: gauge(
    "Bytes kept for clients that have not yet said what they want.",
  ),
  srs_proxy_rtmp_connections: gauge("Open RTMP connections of clients."),
  srs_proxy_rtmp_sessions_opened_total: counter(
    "RTMP sessions that reached an origin, by intent: publish, play.",
    "intent",
  ),
  srs_proxy_rtmp_sessions_closed_total: counter(
    "RTMP sessions that ended after they had reached an origin, by intent and reason.",
    "intent",
    "reason",
  ),
  srs_proxy_rtmp_refused_total: counter(
    "RTMP clients refused before a session was opened, by reason.",
    "reason",
  ),
  srs_proxy_rtmp_protocol_errors_total: counter(
    "RTMP connections whose bytes broke the protocol, by side: client, origin.",
    "side",
  ),
  srs_proxy_rtmp_relay_bytes_total: counter(
    "RTMP bytes relayed, by direction (from_clients, from_origins) and path (untouched, rewritten).",
    "direction",
    "path",
  ),
  srs_proxy_http_connections: gauge("Open connections of clients to the HTTP server."),
  srs_proxy_http_requests_total: counter(
    "Answered requests for media, by kind (live, hls, dash, part) and class of the status.",
    "kind",
    "status",
  ),
  srs_proxy_http_sessions_opened_total: counter("Live streams that began to flow over HTTP."),
  srs_proxy_http_sessions_closed_total: counter(
    "Live streams over HTTP that ended, by reason.",
    "reason",
  ),
  srs_proxy_http_refused_total: counter(
    "HTTP connections and requests refused or failed, by reason.",
    "reason",
  ),
  srs_proxy_http_file_searches_total: counter(
    "Files looked for at the origins, by result: found, missing, overloaded.",
    "result",
  ),
  srs_proxy_http_relay_bytes_total: counter(
    "Bytes sent to HTTP clients, heads included, by kind of media.",
    "kind",
  ),
  srs_proxy_udp_dropped_total: counter(
    "Datagrams lost below the relays, by protocol and reason: client_full, origin_full, " +
      "truncated, receive_overflow, no_client, failed.",
    "protocol",
    "reason",
  ),
  srs_proxy_srt_sessions: gauge("SRT callers whose handshake or session is under way."),
  srs_proxy_srt_sessions_opened_total: counter(
    "SRT sessions that an origin has taken, by intent.",
    "intent",
  ),
  srs_proxy_srt_sessions_closed_total: counter(
    "SRT sessions that ended after they had begun, by intent and reason.",
    "intent",
    "reason",
  ),
  srs_proxy_srt_refused_total: counter(
    "SRT callers with a valid request that failed, by reason.",
    "reason",
  ),
  srs_proxy_srt_relay_packets_total: counter(
    "SRT packets relayed, by direction: from_clients, from_origins.",
    "direction",
  ),
  srs_proxy_srt_relay_bytes_total: counter(
    "Bytes of SRT packets relayed, by direction: from_clients, from_origins.",
    "direction",
  ),
  srs_proxy_srt_dropped_total: counter(
    "Datagrams of SRT clients dropped or refused at once, by reason: malformed, unknown_socket, " +
      "bad_cookie, old_version, bad_handshake, loop, no_stream_id, bad_stream_id, key_material, " +
      "session_limit, address_limit, draining.",
    "reason",
  ),
  srs_proxy_rtc_sessions: gauge("WebRTC sessions agreed upon or begun."),
  srs_proxy_rtc_sessions_opened_total: counter(
    "WebRTC sessions whose client has proved itself, by intent.",
    "intent",
  ),
  srs_proxy_rtc_sessions_closed_total: counter(
    "WebRTC sessions that ended after they had begun, by intent and reason.",
    "intent",
    "reason",
  ),
  srs_proxy_rtc_sessions_unused_total: counter(
    "WebRTC sessions that ended before their media came here, by reason.",
    "reason",
  ),
  srs_proxy_rtc_relay_packets_total: counter(
    "WebRTC datagrams relayed, by direction: from_clients, from_origins.",
    "direction",
  ),
  srs_proxy_rtc_relay_bytes_total: counter(
    "Bytes of WebRTC datagrams relayed, by direction: from_clients, from_origins.",
    "direction",
  ),
  srs_proxy_rtc_dropped_total: counter(
    "Datagrams of WebRTC clients dropped, by reason: unknown_address, malformed, unknown_user, " +
      "bad_integrity, verify_limit, address_limit, socket_limit.",
    "reason",
  ),
  srs_proxy_system_refused_total: counter(
    "Connections and requests refused by the System API before they were handled, by reason.",
    "reason",
  ),
  srs_proxy_api_refused_total: counter(
    "Connections and requests refused by the HTTP API before they were handled, by reason.",
    "reason",
  ),
  srs_proxy_rtc_requests_total: counter(
    "Answered requests about WebRTC, by kind (whip, whep, publish, play, session, other) and class " +
      "of the status.",
    "kind",
    "status",
  ),
  srs_proxy_rtc_refused_total: counter(
    "Requests about WebRTC that the proxy has refused or that failed, by reason.",
    "reason",
  ),
  srs_proxy_rtc_registry_errors_total: counter(
    "WebRTC sessions that could not be announced to other proxies.",
  ),
  srs_proxy_log_lines_lost_total: counter(
    "Log lines lost because their reader was too slow.",
  ),
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

export type MetricName = keyof typeof METRICS;
