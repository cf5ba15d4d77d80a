// The registry of the program, with the store that the configuration asks for. A part of app.ts,
// which is the one place that knows everything; this file knows the registry and the configuration.

import type { Config, DefaultBackend } from "../config/config.ts";
import type { RedisConfig } from "../config/redis.ts";
import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import type { Metrics } from "../core/ports.ts";
import { Vhosts } from "../core/vhosts.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import type { RedisAccess, RedisTls } from "../registry/redis/connection.ts";
import { Registry } from "../registry/registry.ts";
import type { SessionControl } from "../registry/running_sessions.ts";
import { firstWithRoomByHash } from "../registry/rendezvous.ts";

/** A registry, and how its store gets into Redis, if that is where it keeps its records. */
export interface OpenRegistry {
  readonly registry: Registry;
  /** Looked at for every connection to Redis. */
  readonly access?: RedisAccess;
}

/** What the registry tells and whom it may end. */
export interface RegistrySurroundings {
  readonly metrics: Metrics;
  readonly sessions: SessionControl;
  /** Whether an origin answers. */
  readonly probe: (origin: Origin) => Promise<boolean>;
}

/**
 * Opens the registry and its store and puts both on the stack.
 *
 * @throws ProxyError `internal` when a file that the configuration names cannot be read
 */
export async function openRegistry(
  config: Config,
  stack: AsyncDisposableStack,
  { metrics, sessions, probe }: RegistrySurroundings,
): Promise<OpenRegistry> {
  const { originTtl, streamIdle, type } = config.registry;
  const times = { originTtl, streamIdle };
  const vhosts = new Vhosts(config.registry.vhosts);
  const permanent = permanentOrigins(config.defaultBackend, type);
  const common = {
    metrics,
    ...times,
    permanent,
    vhosts,
    sessions,
    probe,
  };
  if (type === "memory") {
    const store = stack.use(new MemoryStore(config.registry));
    return { registry: stack.use(await Registry.open({ ...common, store })) };
  }
  // Proxies that cannot ask Redis must pick the same origin; so they pick alike when they can.
  const access = await accessOf(config.redis);
  const store = stack.use(await openRedisStore(config, access, metrics));
  const registry = await Registry.open({ ...common, store, pick: firstWithRoomByHash });
  return { registry: stack.use(registry), access };
}

/**
 * Origins that never register: the default backend, if there is one.
 *
 * @param type of the registry that runs
 */
export function permanentOrigins(
  defaultBackend: DefaultBackend | undefined,
  type: Config["registry"]["type"],
): Origin[] {
  return defaultBackend ? [defaultOrigin(defaultBackend, type)] : [];
}

async function openRedisStore(config: Config, access: RedisAccess, metrics: Metrics) {
  const { maxOrigins, maxStreams } = config.registry;
  const { servers, keyPrefix } = config.redis;
  // Whoever runs one proxy does not load the client of Redis.
  const { RedisStore } = await import("../registry/redis/store.ts");
  return await RedisStore.open({ servers, access, keyPrefix, maxOrigins, maxStreams, metrics });
}

/**
 * Reads what Redis is told to let the proxy in.
 *
 * @throws ProxyError `internal` when a file cannot be read
 */
export async function accessOf({ username, password, db, tls }: RedisConfig): Promise<RedisAccess> {
  return {
    database: db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: await tlsOf(tls) }),
  };
}

async function tlsOf(tls: NonNullable<RedisConfig["tls"]>): Promise<RedisTls> {
  const { ca, certificate, key, serverName } = tls;
  return {
    ...(ca === undefined ? {} : { ca: await readPem(ca) }),
    ...(certificate === undefined ? {} : { certificate: await readPem(certificate) }),
    ...(key === undefined ? {} : { key: await readPem(key) }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProxyError("internal", `Cannot read ${path}: ${reason}`, { cause });
  }
}

/** Proxies that share a registry may each have another, so there its address is in its name. */
function defaultOrigin({ ip, ...ports }: DefaultBackend, type: "memory" | "redis"): Origin {
  const at = (port: number | undefined) => port === undefined ? [] : [{ host: ip, port }];
  const { rtmp, http, api, rtc, srt } = ports;
  return {
    id: type === "memory" ? "default-backend" : `default-backend-${ip}-${rtmp}`,
    generation: "",
    deviceId: "",
    ip,
    endpoints: { rtmp: at(rtmp), http: at(http), api: at(api), rtc: at(rtc), srt: at(srt) },
  };
}
