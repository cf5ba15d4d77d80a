// Turns variables into the program's one typed configuration, or into a list of everything wrong with
// them. Reads neither files nor the environment.

import type { PlacementRule } from "../core/placement_rule.ts";
import type { Cidr } from "../core/cidr.ts";
import { isSameAddress, type ListenAddress } from "../core/endpoint.ts";
import { toProxyError } from "../core/errors.ts";
import type { HostPattern } from "../core/host_name.ts";
import type { MediaTarget } from "../core/media_target.ts";
import type { MemoryLimits } from "../core/memory_budget.ts";
import type { LogFormat, LogLevel } from "../core/log.ts";
import {
  type AccessConfig,
  type AdminConfig,
  findAccessConflicts,
  toAdminAccess,
  toApiAccess,
  toRegisterAccess,
} from "./access.ts";
import { findTlsConflicts, mayShareSecurePort, type TlsConfig, toTls } from "./tls.ts";
import { findRedisConflicts, type RedisConfig, toRedis } from "./redis.ts";
import type { PathTemplate } from "../core/path_template.ts";
import { type Values, VARIABLES } from "./table.ts";
import type { Settings } from "./environment.ts";

/** Everything that can be configured; all durations in milliseconds. */
export interface Config {
  readonly listen: {
    readonly rtmp: ListenAddress;
    readonly httpServer: ListenAddress;
    readonly httpApi: ListenAddress;
    readonly systemApi: ListenAddress;
    readonly webrtc: ListenAddress;
    /** Over TCP, on a port of its own or that of the HTTP server, with or without TLS; absent = off. */
    readonly webrtcTcp: ListenAddress | undefined;
    readonly srt: ListenAddress;
    /** Whether other processes may listen on the same ports. */
    readonly reusePort: boolean;
  };
  /** Folder of player pages; absent = the built-in pages. */
  readonly staticFiles?: string | undefined;
  readonly registry: {
    readonly type: "memory" | "redis";
    readonly originTtl: number;
    readonly streamIdle: number;
    readonly maxOrigins: number;
    readonly maxStreams: number;
    /** Hosts, or `*.` and a domain, that are vhosts of their own. */
    readonly vhosts: readonly string[];
    /** Which streams go only to origins with a label. */
    readonly placement: readonly PlacementRule[];
    readonly health: {
      /** Milliseconds between two probes of an origin; 0 = only suspects are probed. */
      readonly interval: number;
      readonly endsSessions: boolean;
    };
  };
  readonly redis: RedisConfig;
  /** Without a token anybody may register. */
  readonly register: AccessConfig & {
    /** If both are empty, every address except special ones is allowed. */
    readonly allow: readonly Cidr[];
    readonly allowNames: readonly HostPattern[];
  };
  /** A fixed origin: its address and ports. Absent = none. */
  readonly defaultBackend?: DefaultBackend | undefined;
  /** Who may see and change what runs. */
  readonly admin: AdminConfig;
  /** Where events are posted, if anywhere, and the secret that signs them. */
  readonly webhook: { readonly url: string | undefined; readonly secret: string | undefined };
  /** Without a token anybody may use WebRTC signalling. */
  readonly apiAuth: AccessConfig;
  /** Limits on client connections, for each listener. */
  readonly limits: {
    readonly maxConnections: number;
    readonly maxConnectionsPerAddress: number;
  };
  /** Load balancers in front of the listeners, which name the client. */
  readonly balancers: {
    readonly header: "off" | "optional" | "required";
    readonly trusted: readonly Cidr[];
  };
  readonly tls: TlsConfig;
  /** How origins are told the client's address. */
  readonly originHeader: "off" | "v2" | "srs";
  /** Memory for clients that have not yet said what they want, in bytes. */
  readonly identifyMemory: MemoryLimits;
  /** How long each phase of a conversation may take. */
  readonly timeouts: {
    /** The RTMP handshake with a client. */
    readonly handshake: number;
    /** From the handshake to publish or play. */
    readonly identify: number;
    readonly dial: number;
    readonly answer: number;
    readonly idle: number;
    /** Receiving the head of an HTTP request. */
    readonly head: number;
    /** Waiting for the next request on an HTTP connection. */
    readonly keepAlive: number;
    /** A client reads nothing of what is waiting for it. */
    readonly stall: number;
  };
  readonly http: {
    readonly trustedProxies: readonly Cidr[];
    /** Where origins put playlists and segments. */
    readonly hlsPaths: readonly PathTemplate[];
    /** Whether origins are asked for files that belong to no stream. */
    readonly originFiles: boolean;
    /** Empty = all. */
    readonly corsOrigins: readonly string[];
    /** Whether anybody may list the live streams. */
    readonly playerList: boolean;
  };
  readonly webrtc: {
    /** Where clients are told to send media; empty = where the client or the origin says. */
    readonly candidates: readonly MediaTarget[];
    /** The same over TCP; empty = the same addresses. */
    readonly tcpCandidates: readonly MediaTarget[];
    readonly maxSessions: number;
    readonly maxSessionsPerAddress: number;
    readonly startTimeout: number;
    readonly consentTimeout: number;
  };
  readonly srt: {
    readonly maxSessions: number;
    readonly maxSessionsPerAddress: number;
    readonly idleTimeout: number;
    /** Bytes; 0 = unlimited. */
    readonly maxKeyMaterial: number;
    /** For callers that send none; empty = they are refused. */
    readonly defaultStreamId: string;
    /** Empty = a random one for each process. */
    readonly cookieSecret: string;
  };
  /** The socket engine of lanes and of UDP. */
  readonly engine: "auto" | "libc" | "deno";
  /** Threads for RTMP and HTTP; absent = one for each core that the process may use. */
  readonly lanes: number | undefined;
  /** The variables that all this was made from, so that other threads can make it again. */
  readonly variables: Settings["variables"];
  /** Both are counted from the first signal. */
  readonly quit: { readonly grace: number; readonly force: number };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/** An origin that never registers. */
export interface DefaultBackend {
  /** An IP address or a host name. */
  readonly ip: string;
  readonly rtmp: number;
  readonly http?: number | undefined;
  readonly api: number;
  readonly rtc: number;
  readonly srt: number;
}

/** The configuration cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** One line each, beginning with the name of the variable or file. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Builds the configuration. A variable that is unset or empty has its default.
 *
 * @throws ConfigError with every problem, those of the settings first
 */
export function loadConfig(settings: Pick<Settings, "variables" | "problems">): Config {
  const problems = [...settings.problems];
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const set = settings.variables[name]?.trim() || variable.default;
    try {
      values[name] = variable.kind(set);
    } catch (error) {
      problems.push(`${name}: ${toProxyError(error).message}`);
    }
  }
  problems.push(...findConflicts(values as Partial<Values>));
  if (problems.length > 0) throw new ConfigError(problems);
  return toConfig(values as Values, settings.variables);
}

/** Conflicts between values that are each valid on their own. */
function findConflicts(values: Partial<Values>): string[] {
  const problems = findSharedPorts(values, TCP_LISTENERS);
  problems.push(...findSharedPorts(values, UDP_LISTENERS));
  problems.push(...findRedisConflicts(values));
  problems.push(...findAccessConflicts(values));
  problems.push(...findBalancerConflicts(values));
  problems.push(...findTlsConflicts(values));
  return problems;
}

function findBalancerConflicts(values: Partial<Values>): string[] {
  const { PROXY_PROTOCOL: header, PROXY_TRUSTED_PROXIES: trusted } = values;
  if (header !== "required" || trusted === undefined || trusted.length > 0) return [];
  return ["PROXY_PROTOCOL: Cannot be required while PROXY_TRUSTED_PROXIES is empty"];
}

const TCP_LISTENERS = [
  "PROXY_RTMP_SERVER",
  "PROXY_HTTP_SERVER",
  "PROXY_HTTP_API",
  "PROXY_SYSTEM_API",
  "PROXY_RTMPS_SERVER",
  "PROXY_HTTPS_SERVER",
  "PROXY_HTTPS_API",
  "PROXY_SYSTEM_API_TLS",
  "PROXY_WEBRTC_TCP_SERVER",
] as const;

const UDP_LISTENERS = ["PROXY_WEBRTC_SERVER", "PROXY_SRT_SERVER"] as const;

type ListenerName = typeof TCP_LISTENERS[number] | typeof UDP_LISTENERS[number];

function findSharedPorts(
  values: Partial<Values>,
  names: readonly ListenerName[],
): string[] {
  return names.flatMap((name, index) => {
    const mine = values[name];
    const other = names.slice(0, index).find((earlier) => {
      return overlap(values[earlier], mine) && !mayShare(earlier, name, values);
    });
    if (!mine || !other) return [];
    return [`${name}: Cannot share a port with ${other}: current value is ${mine.port}`];
  });
}

/**
 * The HTTP API may share the HTTP server's port, as in SRS, and then over TLS too. WebRTC over TCP may
 * share that of the HTTP server, with or without TLS, if that port serves only streams.
 */
function mayShare(one: ListenerName, other: ListenerName, values: Partial<Values>): boolean {
  const [mine, theirs] = [values[other], values[one]];
  if (!mine || !theirs || !isSameAddress(mine, theirs)) return false;
  const { PROXY_HTTP_SERVER: server, PROXY_HTTP_API: api } = values;
  if (other === "PROXY_HTTP_API") return one === "PROXY_HTTP_SERVER";
  if (other === "PROXY_HTTPS_API") {
    return one === "PROXY_HTTPS_SERVER" && mayShareSecurePort(values);
  }
  const isHttp = one === "PROXY_HTTP_SERVER" || one === "PROXY_HTTPS_SERVER";
  return other === "PROXY_WEBRTC_TCP_SERVER" && isHttp && server !== undefined &&
    api !== undefined && !isSameAddress(server, api);
}

function overlap(one: ListenAddress | undefined, other: ListenAddress | undefined): boolean {
  if (!one || !other || one.port === 0 || one.port !== other.port) return false;
  return one.host === undefined || other.host === undefined || one.host === other.host;
}

function toConfig(values: Values, variables: Settings["variables"]): Config {
  const level = values.PROXY_LOG_LEVEL;
  return {
    listen: toListen(values),
    staticFiles: values.PROXY_STATIC_FILES,
    registry: toRegistry(values),
    redis: toRedis(values),
    register: {
      ...toRegisterAccess(values),
      allow: values.PROXY_REGISTER_ALLOW.ranges,
      allowNames: values.PROXY_REGISTER_ALLOW.names,
    },
    defaultBackend: values.PROXY_DEFAULT_BACKEND_ENABLED ? toDefaultBackend(values) : undefined,
    admin: toAdminAccess(values),
    webhook: { url: values.PROXY_EVENTS_URL, secret: values.PROXY_EVENTS_SECRET },
    apiAuth: toApiAccess(values),
    limits: {
      maxConnections: values.PROXY_MAX_CONNECTIONS,
      maxConnectionsPerAddress: values.PROXY_MAX_CONNECTIONS_PER_ADDRESS,
    },
    tls: toTls(values),
    originHeader: values.PROXY_ORIGIN_PROXY_PROTOCOL,
    balancers: { header: values.PROXY_PROTOCOL, trusted: values.PROXY_TRUSTED_PROXIES },
    identifyMemory: {
      perConnection: values.PROXY_IDENTIFY_MEMORY_PER_CONNECTION,
      perAddress: values.PROXY_IDENTIFY_MEMORY_PER_ADDRESS,
      total: values.PROXY_IDENTIFY_MEMORY,
    },
    timeouts: toTimeouts(values),
    http: {
      trustedProxies: values.PROXY_TRUSTED_PROXIES,
      hlsPaths: values.PROXY_HLS_PATHS,
      originFiles: values.PROXY_ORIGIN_FILES,
      corsOrigins: values.PROXY_CORS_ORIGINS,
      playerList: values.PROXY_PLAYER_LIST,
    },
    webrtc: {
      candidates: values.PROXY_WEBRTC_CANDIDATE,
      tcpCandidates: values.PROXY_WEBRTC_TCP_CANDIDATE,
      maxSessions: values.PROXY_WEBRTC_MAX_SESSIONS,
      maxSessionsPerAddress: values.PROXY_WEBRTC_MAX_SESSIONS_PER_ADDRESS,
      startTimeout: values.PROXY_WEBRTC_START_TIMEOUT,
      consentTimeout: values.PROXY_WEBRTC_CONSENT_TIMEOUT,
    },
    srt: {
      maxSessions: values.PROXY_SRT_MAX_SESSIONS,
      maxSessionsPerAddress: values.PROXY_SRT_MAX_SESSIONS_PER_ADDRESS,
      idleTimeout: values.PROXY_SRT_IDLE_TIMEOUT,
      maxKeyMaterial: values.PROXY_SRT_MAX_KM_SIZE,
      defaultStreamId: values.PROXY_SRT_DEFAULT_STREAMID ?? "",
      cookieSecret: values.PROXY_SRT_COOKIE_SECRET ?? "",
    },
    engine: values.PROXY_ENGINE,
    lanes: values.PROXY_LANES,
    variables,
    quit: { grace: values.PROXY_GRACE_QUIT_TIMEOUT, force: values.PROXY_FORCE_QUIT_TIMEOUT },
    log: { level: level === "warn" ? "warning" : level, format: values.PROXY_LOG_FORMAT },
  };
}

function toListen(values: Values): Config["listen"] {
  return {
    rtmp: values.PROXY_RTMP_SERVER,
    httpServer: values.PROXY_HTTP_SERVER,
    httpApi: values.PROXY_HTTP_API,
    systemApi: values.PROXY_SYSTEM_API,
    webrtc: values.PROXY_WEBRTC_SERVER,
    webrtcTcp: values.PROXY_WEBRTC_TCP_SERVER,
    srt: values.PROXY_SRT_SERVER,
    reusePort: values.PROXY_REUSE_PORT,
  };
}

function toRegistry(values: Values): Config["registry"] {
  return {
    type: values.PROXY_LOAD_BALANCER_TYPE,
    originTtl: values.PROXY_ORIGIN_SERVER_TTL,
    streamIdle: values.PROXY_STREAM_IDLE_TTL,
    maxOrigins: values.PROXY_REGISTER_MAX_ORIGINS,
    maxStreams: values.PROXY_MAX_STREAMS,
    vhosts: values.PROXY_VHOSTS,
    placement: values.PROXY_PLACEMENT,
    health: {
      interval: values.PROXY_HEALTH_INTERVAL,
      endsSessions: values.PROXY_HEALTH_END_SESSIONS,
    },
  };
}

function toDefaultBackend(values: Values): DefaultBackend {
  return {
    ip: values.PROXY_DEFAULT_BACKEND_IP,
    rtmp: values.PROXY_DEFAULT_BACKEND_RTMP,
    http: values.PROXY_DEFAULT_BACKEND_HTTP,
    api: values.PROXY_DEFAULT_BACKEND_API,
    rtc: values.PROXY_DEFAULT_BACKEND_RTC,
    srt: values.PROXY_DEFAULT_BACKEND_SRT,
  };
}

function toTimeouts(values: Values): Config["timeouts"] {
  return {
    handshake: values.PROXY_RTMP_HANDSHAKE_TIMEOUT,
    identify: values.PROXY_RTMP_IDENTIFY_TIMEOUT,
    dial: values.PROXY_ORIGIN_DIAL_TIMEOUT,
    answer: values.PROXY_ORIGIN_ANSWER_TIMEOUT,
    idle: values.PROXY_IDLE_TIMEOUT,
    head: values.PROXY_HTTP_HEAD_TIMEOUT,
    keepAlive: values.PROXY_HTTP_KEEP_ALIVE_TIMEOUT,
    stall: values.PROXY_STALL_TIMEOUT,
  };
}
