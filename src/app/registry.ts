// Opens the registry with the store that the configuration asks for. A part of app.ts.

import type { State } from "./surroundings.ts";
import type { Config, DefaultBackend } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { readPem } from "./read_pem.ts";
import type { Origin } from "../core/origin.ts";
import type { Metrics } from "../core/contracts.ts";
import type { RedisAccess } from "../core/redis_access.ts";
import { Vhosts } from "../core/vhosts.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry } from "../registry/registry.ts";
import type { SessionControl } from "../registry/running_sessions.ts";
import { firstWithRoomByHash } from "../registry/rendezvous.ts";

/** What the registry needs from the rest of the program. */
export interface RegistrySurroundings {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly sessions: SessionControl;
  /** Whether an origin answers. */
  readonly probe: (origin: Origin) => Promise<boolean>;
  /** The same at little cost, for origins that are not suspect. */
  readonly check: (origin: Origin) => Promise<boolean>;
}

/** Opens the registry and its store and puts both on the stack. */
export async function openRegistry(
  state: State,
  stack: AsyncDisposableStack,
  surroundings: RegistrySurroundings,
): Promise<Registry> {
  const { config } = state;
  const { originTtl, streamIdle, type, vhosts, placement } = config.registry;
  const { clock } = surroundings;
  const common = {
    ...surroundings,
    ...{ originTtl, streamIdle, placement },
    health: {
      interval: () => state.config.registry.health.interval,
      endsSessions: () => state.config.registry.health.endsSessions,
      check: surroundings.check,
    },
    permanent: permanentOrigins(config.defaultBackend, type),
    vhosts: new Vhosts(vhosts),
  };
  if (type === "memory") {
    const store = stack.use(new MemoryStore({ ...config.registry, now: () => clock.now() }));
    return stack.use(await Registry.open({ ...common, store }));
  }
  const store = stack.use(await openRedisStore(state, surroundings));
  // Proxies that cannot ask Redis must all pick the same origin, so they always pick by a common rule.
  return stack.use(await Registry.open({ ...common, store, pick: firstWithRoomByHash }));
}

/**
 * Origins that never register: the default backend, if there is one.
 *
 * @param type of the registry in use
 */
export function permanentOrigins(
  defaultBackend: DefaultBackend | undefined,
  type: Config["registry"]["type"],
): Origin[] {
  return defaultBackend ? [defaultOrigin(defaultBackend, type)] : [];
}

async function openRedisStore(
  state: State,
  { clock, metrics }: Pick<RegistrySurroundings, "clock" | "metrics">,
) {
  const { registry: { maxOrigins, maxStreams }, redis: { servers, keyPrefix } } = state.config;
  // A single proxy does not load the Redis client.
  const { RedisStore } = await import("../registry/redis/store.ts");
  return await RedisStore.open({
    ...{ servers, keyPrefix, maxOrigins, maxStreams, clock, metrics },
    access: () => state.redisAccess,
  });
}

/**
 * Reads the TLS files.
 *
 * @param access as configured, with paths
 * @throws ProxyError `internal` when a file cannot be read
 */
export async function readTlsFiles(access: RedisAccess): Promise<RedisAccess> {
  const { tls } = access;
  if (tls === undefined) return access;
  const files = [tls.ca, tls.certificate, tls.key];
  const [ca, certificate, key] = await Promise.all(files.map((path) => path && readPem(path)));
  return { ...access, tls: { ...tls, ca, certificate, key } };
}

/** Proxies with a shared registry may have different default backends, so there the id contains the address. */
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
