// Combines the PROXY_REDIS_* variables into how Redis is reached, and finds conflicts between them. Does
// not connect to Redis.

import type { RedisAccess, RedisServers, RedisTls } from "../core/redis_access.ts";
import type { Values } from "./table.ts";

/** Where Redis is, the credentials, and which keys are ours. */
export interface RedisConfig {
  readonly servers: RedisServers;
  /** With paths of files; see `RedisTls`. */
  readonly access: RedisAccess;
  readonly keyPrefix: string;
}

/** The configuration of Redis; what is missing in the URL is taken from the other variables. */
export function toRedis(values: Values): RedisConfig {
  const url = values.PROXY_REDIS_URL;
  return {
    servers: toServers(values),
    access: {
      username: (url?.username ?? values.PROXY_REDIS_USERNAME) || undefined,
      password: (url?.password ?? values.PROXY_REDIS_PASSWORD) || undefined,
      database: url?.db ?? values.PROXY_REDIS_DB,
      tls: url?.isEncrypted || values.PROXY_REDIS_TLS ? toTls(values) : undefined,
    },
    keyPrefix: values.PROXY_REDIS_KEY_PREFIX,
  };
}

/** Conflicts between values that are each valid on their own. */
export function findRedisConflicts(values: Partial<Values>): string[] {
  const problems: string[] = [];
  const ways = (["PROXY_REDIS_URL", "PROXY_REDIS_SENTINELS", "PROXY_REDIS_CLUSTER"] as const)
    .filter((name) => name in values && !isEmpty(values[name]));
  for (const name of ways.slice(1)) {
    problems.push(`${name}: Cannot be used together with ${ways[0]}`);
  }
  const db = values.PROXY_REDIS_DB;
  if (ways.includes("PROXY_REDIS_CLUSTER") && db !== undefined && db !== 0) {
    problems.push(`PROXY_REDIS_DB: Cannot be other than 0 in a cluster: current value is ${db}`);
  }
  const { PROXY_REDIS_TLS_CERT: certificate, PROXY_REDIS_TLS_KEY: key } = values;
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = key === undefined ? "PROXY_REDIS_TLS_KEY" : "PROXY_REDIS_TLS_CERT";
    problems.push(`${missing}: Cannot be empty: a client certificate needs its file and its key`);
  }
  return problems;
}

function toServers(values: Values): RedisServers {
  if (values.PROXY_REDIS_CLUSTER.length > 0) {
    return { kind: "cluster", addresses: values.PROXY_REDIS_CLUSTER };
  }
  if (values.PROXY_REDIS_SENTINELS.length > 0) {
    return {
      kind: "sentinel",
      addresses: values.PROXY_REDIS_SENTINELS,
      master: values.PROXY_REDIS_SENTINEL_MASTER,
      username: values.PROXY_REDIS_SENTINEL_USERNAME || undefined,
      password: values.PROXY_REDIS_SENTINEL_PASSWORD || undefined,
    };
  }
  const { PROXY_REDIS_HOST: host, PROXY_REDIS_PORT: port, PROXY_REDIS_URL: url } = values;
  return { kind: "single", address: url ? { host: url.host, port: url.port } : { host, port } };
}

function toTls(values: Values): RedisTls {
  return {
    ca: values.PROXY_REDIS_TLS_CA,
    certificate: values.PROXY_REDIS_TLS_CERT,
    key: values.PROXY_REDIS_TLS_KEY,
    serverName: values.PROXY_REDIS_TLS_SERVER_NAME,
  };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
