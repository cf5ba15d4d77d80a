// How to reach Redis and log in: as configured, and as the store of a fleet uses it.

import type { Address } from "./address.ts";

/** One server, the Sentinels that know it, or some nodes of a cluster. */
export type RedisServers =
  | { readonly kind: "single"; readonly address: Address }
  | {
    readonly kind: "sentinel";
    readonly addresses: readonly Address[];
    /** The name under which the Sentinels watch the master. */
    readonly master: string;
    /** Credentials of the Sentinels, not of the server. */
    readonly username?: string | undefined;
    readonly password?: string | undefined;
  }
  | { readonly kind: "cluster"; readonly addresses: readonly Address[] };

/** Where Redis is, our credentials, and how its server is verified. */
export interface RedisAccess {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  /** Absent = connections are not encrypted. */
  readonly tls?: RedisTls | undefined;
}

/** Encrypted connections. In the configuration `ca`, `certificate` and `key` are paths of PEM files. */
export interface RedisTls {
  /** Certificates that are trusted in place of the system's. */
  readonly ca?: string | undefined;
  /** Our own certificate and its key, if the server asks for one. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name in the server's certificate, if it is not the host name. */
  readonly serverName?: string | undefined;
}
