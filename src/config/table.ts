// The table of the variables that configure the proxy. Parsing, `--help` and the table in
// docs/operations.md are made from it. How values depend on each other is up to config.ts.

import {
  bytes,
  credentials,
  duration,
  durationOrZero,
  flag,
  hostOrIp,
  hostPatterns,
  integer,
  listenAddress,
  oneOf,
  optional,
  placementRules,
  places,
  port,
  text,
  token,
  webOrigins,
  webUrl,
} from "./kinds.ts";
import { HTTP, SRT, WEBRTC } from "./media.ts";
import { TLS } from "./table_tls.ts";
import { REDIS } from "./table_redis.ts";
import { atStart, COUNT, live, type Variable } from "./variable.ts";

/** The longest WebRTC offer fits, with everything that comes before it. */
const MEMORY = bytes(131_072);

const LISTENERS = {
  PROXY_RTMP_SERVER: atStart(listenAddress, "11935", "RTMP publishers and players (TCP)"),
  PROXY_HTTP_SERVER: atStart(listenAddress, "18080", "HTTP streams (TCP)"),
  PROXY_HTTP_API: atStart(listenAddress, "11985", "HTTP API (TCP)"),
  PROXY_SYSTEM_API: atStart(
    listenAddress,
    "12025",
    "System API: where origins register, health and metrics (TCP)",
  ),
  PROXY_WEBRTC_SERVER: atStart(listenAddress, "18000", "WebRTC media (UDP)"),
  PROXY_SRT_SERVER: atStart(listenAddress, "20080", "SRT (UDP)"),
  PROXY_REUSE_PORT: atStart(
    flag,
    "off",
    "Let other processes of the same user listen on these ports too, for upgrades (SO_REUSEPORT)",
  ),
  PROXY_PROTOCOL: live(
    oneOf("off", "optional", "required"),
    "off",
    "Whether PROXY_TRUSTED_PROXIES send a PROXY header, version 1 or 2, on the TCP ports of clients",
  ),
  PROXY_STATIC_FILES: atStart(
    optional(text),
    "",
    "Folder of web pages for the HTTP server; empty = the built-in pages",
  ),
};

const ORIGINS = {
  PROXY_ORIGIN_SERVER_TTL: live(
    duration,
    "300s",
    "How long after its last heartbeat an origin is forgotten",
  ),
  PROXY_STREAM_IDLE_TTL: atStart(
    duration,
    "60s",
    "How long a stream stays with its origin after its last session",
  ),
  PROXY_REGISTER_ALLOW: live(
    places,
    "",
    "Addresses and names that origins may announce, such as 10.0.0.0/8,srs-1,*.media.internal; " +
      "empty = any address except special ones, and no names",
  ),
  PROXY_REGISTER_MAX_ORIGINS: atStart(COUNT, "10000", "Most origins registered at once"),
  PROXY_MAX_STREAMS: atStart(COUNT, "100000", "Most streams known at once"),
  PROXY_HEALTH_INTERVAL: live(
    durationOrZero,
    "2s",
    "How often each origin is probed, by one proxy of a fleet; 0 = only when a dial has failed",
  ),
  PROXY_HEALTH_END_SESSIONS: live(
    flag,
    "on",
    "End the sessions of an origin that is down, so that clients reconnect to another one",
  ),
  PROXY_VHOSTS: atStart(
    hostPatterns,
    "",
    "Hosts that are vhosts of their own, such as v.example.com,*.tv.example.com; all others share " +
      "the same streams",
  ),
  PROXY_PLACEMENT: live(
    placementRules,
    "",
    "Streams that go only to origins with a label, such as v.example.com/live/*=eu; the first " +
      "rule that matches vhost/app/stream applies",
  ),
  PROXY_LOAD_BALANCER_TYPE: atStart(
    oneOf("memory", "redis"),
    "memory",
    "Where origins and streams are kept: memory (one proxy) or redis",
  ),
  PROXY_ORIGIN_PROXY_PROTOCOL: live(
    oneOf("off", "v2", "srs"),
    "off",
    "How connections to origins name the client: v2 (a PROXY header, on RTMP and HTTP) or srs " +
      "(in SRS's own way, on RTMP only)",
  ),
};

const DEFAULT_BACKEND = {
  PROXY_DEFAULT_BACKEND_ENABLED: live(
    flag,
    "off",
    "Use one fixed origin in addition to those that register",
  ),
  PROXY_DEFAULT_BACKEND_IP: live(
    hostOrIp,
    "127.0.0.1",
    "Its IP address, or a name that is looked up at each use",
  ),
  PROXY_DEFAULT_BACKEND_RTMP: live(port, "1935", "Its RTMP port"),
  PROXY_DEFAULT_BACKEND_HTTP: live(optional(port), "", "Its port for HTTP streams"),
  PROXY_DEFAULT_BACKEND_API: live(port, "1985", "Its HTTP API port"),
  PROXY_DEFAULT_BACKEND_RTC: live(port, "8000", "Its WebRTC port (UDP)"),
  PROXY_DEFAULT_BACKEND_SRT: live(port, "10080", "Its SRT port (UDP)"),
};

const LIMITS = {
  PROXY_RTMP_HANDSHAKE_TIMEOUT: live(
    duration,
    "10s",
    "Time for an RTMP client to finish its handshake after connecting",
  ),
  PROXY_RTMP_IDENTIFY_TIMEOUT: live(
    duration,
    "30s",
    "Time from the end of the handshake to publish or play",
  ),
  PROXY_ORIGIN_DIAL_TIMEOUT: live(
    duration,
    "2s",
    "Time to connect to an origin, handshake included",
  ),
  PROXY_ORIGIN_ANSWER_TIMEOUT: live(
    duration,
    "30s",
    "Time for the origin to answer publish or play, hooks included",
  ),
  PROXY_HTTP_HEAD_TIMEOUT: live(
    duration,
    "10s",
    "Time for the head of an HTTP request to arrive",
  ),
  PROXY_HTTP_KEEP_ALIVE_TIMEOUT: live(
    duration,
    "30s",
    "How long an HTTP connection waits for the next request",
  ),
  PROXY_STALL_TIMEOUT: live(
    duration,
    "30s",
    "How long a client or an RTMP origin may take none of the data waiting for it",
  ),
  PROXY_IDLE_TIMEOUT: live(
    duration,
    "10m",
    "How long a session lasts without a byte in either direction; RTMP players are pinged first",
  ),
  PROXY_MAX_CONNECTIONS: live(
    COUNT,
    "20000",
    "Most client connections at once, on each listener",
  ),
  PROXY_MAX_CONNECTIONS_PER_ADDRESS: live(
    COUNT,
    "5000",
    "The same for one IP address (for IPv6, one /64)",
  ),
  PROXY_IDENTIFY_MEMORY: live(
    MEMORY,
    "128m",
    "Memory (k, m, g) for all clients that have not yet said what they want: up to publish or play, " +
      "or the end of an HTTP request",
  ),
  PROXY_IDENTIFY_MEMORY_PER_ADDRESS: live(
    MEMORY,
    "32m",
    "The same for the clients of one IP address (for IPv6, one /64)",
  ),
  PROXY_IDENTIFY_MEMORY_PER_CONNECTION: live(MEMORY, "256k", "The same for one connection"),
};

const ACCESS = {
  PROXY_EVENTS_URL: atStart(
    optional(webUrl),
    "",
    "Where events are posted as JSON; empty = nowhere",
  ),
  PROXY_EVENTS_SECRET: atStart(
    optional(token),
    "",
    "Secret that signs them: X-Srs-Proxy-Signature is sha256= and the HMAC-SHA256 of the body in hex",
  ),
  PROXY_ADMIN_TOKEN: live(
    optional(token),
    "",
    "Token for lists, sessions and all other management, on the HTTP API and the System API; " +
      "empty = only clients on this machine may manage",
  ),
  PROXY_ADMIN_ORIGINS: live(
    webOrigins,
    "",
    "Web sites whose pages may manage, such as http://console.example.com:8080; empty = only the " +
      "proxy's own",
  ),
  PROXY_API_PASS: live(
    flag,
    "off",
    "Pass requests to /api/v1/origins/SERVER/proxy/ on to the API of that origin",
  ),
  PROXY_ORIGIN_API_AUTH: live(
    optional(credentials),
    "",
    "user:password for the HTTP APIs of origins that ask for them (http_api auth of SRS)",
  ),
  PROXY_REGISTER_TOKEN: live(
    optional(token),
    "",
    "Token that origins must send to register; empty = anybody may register",
  ),
  PROXY_HTTP_API_AUTH_ENABLED: live(
    flag,
    "off",
    "The same with three variables: require a token from origins that register",
  ),
  PROXY_HTTP_API_AUTH_TYPE: live(
    optional(text),
    "",
    "Kind of that token: bearer; required when the check is on",
  ),
  PROXY_HTTP_API_AUTH_TOKEN: live(
    optional(token),
    "",
    "That token; required when the check is on",
  ),
  PROXY_API_TOKEN: live(
    optional(token),
    "",
    "Token that WebRTC clients must send to the HTTP API; empty = none",
  ),
};

const PROCESS = {
  PROXY_ENV_FILE: atStart(
    text,
    ".env",
    "Files of variables, reread on SIGHUP; separate several by colons, the last one wins",
  ),
  PROXY_LANES: atStart(
    optional(integer(1, 64)),
    "",
    "Threads that serve clients; one for each core unless set",
  ),
  PROXY_ENGINE: atStart(
    oneOf("auto", "libc", "deno"),
    "auto",
    "Socket engine: libc (fast; Linux, needs --allow-ffi), deno, or auto for the better one",
  ),
  PROXY_GRACE_QUIT_TIMEOUT: live(
    durationOrZero,
    "20s",
    "How long running streams may go on after SIGTERM or SIGINT",
  ),
  PROXY_FORCE_QUIT_TIMEOUT: live(
    duration,
    "30s",
    "How long after the signal the process ends, whatever is still running",
  ),
  PROXY_LOG_LEVEL: live(
    oneOf("debug", "info", "warning", "error", "warn"),
    "info",
    "Lowest level of log lines to write: debug, info, warning or error",
  ),
  PROXY_LOG_FORMAT: atStart(oneOf("text", "json"), "text", "Format of log lines: text or json"),
};

export const VARIABLES = {
  ...LISTENERS,
  ...TLS,
  ...ORIGINS,
  ...DEFAULT_BACKEND,
  ...LIMITS,
  ...HTTP,
  ...WEBRTC,
  ...SRT,
  ...ACCESS,
  ...REDIS,
  ...PROCESS,
};

export type VariableName = keyof typeof VARIABLES;

export type Values = {
  readonly [Name in VariableName]: ReturnType<(typeof VARIABLES)[Name]["kind"]>;
};

/** The variables in the order and under the titles in which they are shown. */
export const GROUPS: readonly {
  readonly title: string;
  readonly variables: Readonly<Record<string, Variable<unknown>>>;
}[] = [
  { title: "Listeners (port, ip:port or [v6]:port; port 0 = any free one)", variables: LISTENERS },
  { title: "TLS", variables: TLS },
  { title: "Origins and streams", variables: ORIGINS },
  { title: "Default backend", variables: DEFAULT_BACKEND },
  { title: "Deadlines and limits", variables: LIMITS },
  { title: "HTTP streams", variables: HTTP },
  { title: "WebRTC", variables: WEBRTC },
  { title: "SRT", variables: SRT },
  { title: "Tokens", variables: ACCESS },
  { title: "Redis", variables: REDIS },
  { title: "Process", variables: PROCESS },
];
