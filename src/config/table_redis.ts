// The part of the table of variables about Redis. How they depend on each other is up to redis.ts.

import {
  flag,
  hostsAndPorts,
  integer,
  keyPrefix,
  optional,
  port,
  redisUrl,
  text,
} from "./kinds.ts";
import { atStart } from "./variable.ts";

export const REDIS = {
  PROXY_REDIS_URL: atStart(
    optional(redisUrl),
    "",
    "redis://user:password@host:6379/0, or rediss:// for TLS; overrides the variables below",
  ),
  PROXY_REDIS_HOST: atStart(text, "127.0.0.1", "Host name or IP address of Redis"),
  PROXY_REDIS_PORT: atStart(port, "6379", "Its port"),
  PROXY_REDIS_USERNAME: atStart(text, "", "Its ACL user; empty = the default one"),
  PROXY_REDIS_PASSWORD: atStart(text, "", "Its password"),
  PROXY_REDIS_DB: atStart(integer(0, 1_000_000), "0", "Its database number"),
  PROXY_REDIS_KEY_PREFIX: atStart(keyPrefix, "", "Prefix of every key"),
  PROXY_REDIS_SENTINELS: atStart(
    hostsAndPorts,
    "",
    "Sentinels that know the master, such as 10.0.0.1:26379,10.0.0.2:26379",
  ),
  PROXY_REDIS_SENTINEL_MASTER: atStart(
    text,
    "mymaster",
    "The name by which the Sentinels know the master",
  ),
  PROXY_REDIS_SENTINEL_USERNAME: atStart(text, "", "ACL user for the Sentinels themselves"),
  PROXY_REDIS_SENTINEL_PASSWORD: atStart(text, "", "Password for the Sentinels themselves"),
  PROXY_REDIS_CLUSTER: atStart(
    hostsAndPorts,
    "",
    "Some nodes of a Redis Cluster, such as 10.0.0.1:6379,10.0.0.2:6379",
  ),
  PROXY_REDIS_TLS: atStart(flag, "off", "Encrypt connections to Redis"),
  PROXY_REDIS_TLS_CA: atStart(
    optional(text),
    "",
    "File of trusted certificates; empty = the system's",
  ),
  PROXY_REDIS_TLS_CERT: atStart(
    optional(text),
    "",
    "File of the client certificate, if Redis asks for one",
  ),
  PROXY_REDIS_TLS_KEY: atStart(optional(text), "", "File of that certificate's key"),
  PROXY_REDIS_TLS_SERVER_NAME: atStart(
    optional(text),
    "",
    "The name in Redis's certificate; empty = the host name",
  ),
};
