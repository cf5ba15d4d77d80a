// How Redis is reached: the PROXY_REDIS_* variables combined, and what is wrong with the
// combination. Does not connect to Redis.

import type { HostAndPort } from "./kinds.ts";
import type { Values } from "./table.ts";

/** Where Redis is and who we are to it. */
export interface RedisConfig {
  readonly servers: RedisServersConfig;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly keyPrefix: string;
  /** Absent = connections are not encrypted. */
  readonly tls?: RedisTlsConfig;
}

/** One server, the Sentinels that know it, or some nodes of a cluster. */
export type RedisServersConfig =
  | { readonly kind: "single"; readonly address: HostAndPort }
  | {
    readonly kind: "sentinel";
    readonly addresses: readonly HostAndPort[];
    readonly master: string;
    readonly username?: string;
    readonly password?: string;
  }
  | { readonly kind: "cluster"; readonly addresses: readonly HostAndPort[] };

/** Paths of files in PEM. */
export interface RedisTlsConfig {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly serverName?: string;
}

/** The configuration of Redis; what the URL leaves out is taken from the other variables. */
export function toRedis(values: Values): RedisConfig {
  const url = values.PROXY_REDIS_URL;
  const username = url?.username ?? values.PROXY_REDIS_USERNAME;
  const password = url?.password ?? values.PROXY_REDIS_PASSWORD;
  return {
    servers: toServers(values),
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    db: url?.db ?? values.PROXY_REDIS_DB,
    keyPrefix: values.PROXY_REDIS_KEY_PREFIX,
    ...(url?.isEncrypted || values.PROXY_REDIS_TLS ? { tls: toTls(values) } : {}),
  };
}

/** What is wrong with values that are right one by one. */
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

function toServers(values: Values): RedisServersConfig {
  if (values.PROXY_REDIS_CLUSTER.length > 0) {
    return { kind: "cluster", addresses: values.PROXY_REDIS_CLUSTER };
  }
  if (values.PROXY_REDIS_SENTINELS.length > 0) {
    const username = values.PROXY_REDIS_SENTINEL_USERNAME;
    const password = values.PROXY_REDIS_SENTINEL_PASSWORD;
    return {
      kind: "sentinel",
      addresses: values.PROXY_REDIS_SENTINELS,
      master: values.PROXY_REDIS_SENTINEL_MASTER,
      ...(username === "" ? {} : { username }),
      ...(password === "" ? {} : { password }),
    };
  }
  const { PROXY_REDIS_HOST: host, PROXY_REDIS_PORT: port, PROXY_REDIS_URL: url } = values;
  return { kind: "single", address: url ? { host: url.host, port: url.port } : { host, port } };
}

function toTls(values: Values): RedisTlsConfig {
  const { PROXY_REDIS_TLS_CA: ca, PROXY_REDIS_TLS_CERT: certificate } = values;
  const { PROXY_REDIS_TLS_KEY: key, PROXY_REDIS_TLS_SERVER_NAME: serverName } = values;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
