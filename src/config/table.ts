// The one table of the variables that configure the proxy. Reading them, `--help` and the table
// in docs/operations.md all come from here. Knows nothing of how the values hang together: that
// is config.ts.

import {
  bytes,
  duration,
  durationOrZero,
  flag,
  hostOrIp,
  hostPatterns,
  integer,
  listenAddress,
  oneOf,
  optional,
  places,
  port,
  text,
  token,
} from "./kinds.ts";
import { HTTP, SRT, WEBRTC } from "./media.ts";
import { REDIS } from "./table_redis.ts";
import { atStart, COUNT, live, type Variable } from "./variable.ts";

/** No less than the longest offer over WebRTC takes with all that comes before it. */
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
    "Share these ports with other processes of the same user, as for an upgrade (SO_REUSEPORT)",
  ),
  PROXY_STATIC_FILES: atStart(
    optional(text),
    "",
    "Folder of player pages for the HTTP server; empty = the built-in pages",
  ),
};

const ORIGINS = {
  PROXY_ORIGIN_SERVER_TTL: live(
    duration,
    "300s",
    "An origin is forgotten so long after its last heartbeat",
  ),
  PROXY_STREAM_IDLE_TTL: atStart(
    duration,
    "60s",
    "A stream stays with its origin so long after its last session",
  ),
  PROXY_REGISTER_ALLOW: live(
    places,
    "",
    "What an origin may announce, such as 10.0.0.0/8,127.0.0.1,srs-1,*.media.internal; empty = " +
      "all addresses but special ones, and no names",
  ),
  PROXY_REGISTER_MAX_ORIGINS: atStart(COUNT, "10000", "Origins known at once"),
  PROXY_MAX_STREAMS: atStart(COUNT, "100000", "Streams known at once"),
  PROXY_VHOSTS: atStart(
    hostPatterns,
    "",
    "Hosts that stand for vhosts of their own, such as v.example.com,*.tv.example.com; all others " +
      "lead to the same streams",
  ),
  PROXY_LOAD_BALANCER_TYPE: atStart(
    oneOf("memory", "redis"),
    "memory",
    "Where origins and streams are kept: memory (one proxy) or redis",
  ),
};

const DEFAULT_BACKEND = {
  PROXY_DEFAULT_BACKEND_ENABLED: live(
    flag,
    "off",
    "Use one fixed origin besides those that register",
  ),
  PROXY_DEFAULT_BACKEND_IP: live(
    hostOrIp,
    "127.0.0.1",
    "Its IP address, or a name that is looked up when it is used",
  ),
  PROXY_DEFAULT_BACKEND_RTMP: live(port, "1935", "Its RTMP port"),
  PROXY_DEFAULT_BACKEND_HTTP: live(optional(port), "", "Its port for HTTP streams"),
  PROXY_DEFAULT_BACKEND_API: live(port, "1985", "Its port of the HTTP API"),
  PROXY_DEFAULT_BACKEND_RTC: live(port, "8000", "Its WebRTC port (UDP)"),
  PROXY_DEFAULT_BACKEND_SRT: live(port, "10080", "Its SRT port (UDP)"),
};

const LIMITS = {
  PROXY_RTMP_HANDSHAKE_TIMEOUT: live(
    duration,
    "10s",
    "Time for an RTMP client's handshake, from the connection on",
  ),
  PROXY_RTMP_IDENTIFY_TIMEOUT: live(
    duration,
    "30s",
    "Time from the handshake to publish or play",
  ),
  PROXY_ORIGIN_DIAL_TIMEOUT: live(
    duration,
    "2s",
    "Time to connect to an origin, its handshake included",
  ),
  PROXY_ORIGIN_ANSWER_TIMEOUT: live(
    duration,
    "30s",
    "Time for the origin to answer publish or play, its hooks included",
  ),
  PROXY_HTTP_HEAD_TIMEOUT: live(
    duration,
    "10s",
    "Time for the head of an HTTP request, from the connection on",
  ),
  PROXY_HTTP_KEEP_ALIVE_TIMEOUT: live(
    duration,
    "30s",
    "An HTTP connection waits so long for the next request",
  ),
  PROXY_STALL_TIMEOUT: live(
    duration,
    "30s",
    "A client or an RTMP origin that takes nothing of what waits for it is let go after so long",
  ),
  PROXY_IDLE_TIMEOUT: live(
    duration,
    "10m",
    "A session ends after so long without a byte in either direction; RTMP players are pinged before",
  ),
  PROXY_MAX_CONNECTIONS: live(COUNT, "20000", "Client connections at once, of each listener"),
  PROXY_MAX_CONNECTIONS_PER_ADDRESS: live(
    COUNT,
    "5000",
    "Client connections at once from one IP address (of IPv6: one /64), of each listener",
  ),
  PROXY_IDENTIFY_MEMORY: live(
    MEMORY,
    "128m",
    "Bytes (k, m, g) kept for all clients together before it is known what they want: up to publish " +
      "or play, or to the end of an HTTP request",
  ),
  PROXY_IDENTIFY_MEMORY_PER_ADDRESS: live(
    MEMORY,
    "32m",
    "The same for the clients of one IP address (of IPv6: one /64)",
  ),
  PROXY_IDENTIFY_MEMORY_PER_CONNECTION: live(MEMORY, "256k", "The same for one connection"),
};

const ACCESS = {
  PROXY_REGISTER_TOKEN: live(
    optional(token),
    "",
    "Origins must show this token to register; empty = anybody may register",
  ),
  PROXY_HTTP_API_AUTH_ENABLED: live(
    flag,
    "off",
    "The same at greater length: ask for a token when origins register",
  ),
  PROXY_HTTP_API_AUTH_TYPE: live(
    optional(text),
    "",
    "Kind of that token: bearer, to be said when the check is on",
  ),
  PROXY_HTTP_API_AUTH_TOKEN: live(
    optional(token),
    "",
    "That token, needed when the check is on",
  ),
  PROXY_API_TOKEN: live(
    optional(token),
    "",
    "Clients of the HTTP API, WebRTC among them, must show this token; empty = nobody must",
  ),
};

const PROCESS = {
  PROXY_ENV_FILE: atStart(
    text,
    ".env",
    "Files of variables, read again on SIGHUP; several with colons between, the last one wins",
  ),
  PROXY_LANES: atStart(
    optional(integer(1, 64)),
    "",
    "Threads that serve RTMP and HTTP clients; one for each core unless set",
  ),
  PROXY_UDP_ENGINE: atStart(
    oneOf("auto", "libc", "deno"),
    "auto",
    "How UDP is moved: libc (fast; Linux, needs --allow-ffi), deno, or auto for the better one",
  ),
  PROXY_GRACE_QUIT_TIMEOUT: live(
    durationOrZero,
    "20s",
    "After SIGTERM or SIGINT running streams go on for so long",
  ),
  PROXY_FORCE_QUIT_TIMEOUT: live(
    duration,
    "30s",
    "The process ends so long after the signal, whatever still runs",
  ),
  PROXY_LOG_LEVEL: live(
    oneOf("debug", "info", "warning", "error", "warn"),
    "info",
    "Least important log lines to write: debug, info, warning or error",
  ),
  PROXY_LOG_FORMAT: atStart(oneOf("text", "json"), "text", "Log lines as text or json"),
};

/** Every variable by its name. */
export const VARIABLES = {
  ...LISTENERS,
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

/** The name of a variable. */
export type VariableName = keyof typeof VARIABLES;

/** The value of every variable. */
export type Values = {
  readonly [Name in VariableName]: ReturnType<(typeof VARIABLES)[Name]["kind"]>;
};

/** The variables in the order and under the titles in which people read them. */
export const GROUPS: readonly {
  readonly title: string;
  readonly variables: Readonly<Record<string, Variable<unknown>>>;
}[] = [
  { title: "Listeners (port, ip:port or [v6]:port; port 0 = any free one)", variables: LISTENERS },
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
