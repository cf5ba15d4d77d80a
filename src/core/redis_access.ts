// Where Redis is and who we are to it: what is configured, and what the store of a fleet connects with.

import type { Address } from "./address.ts";

/** One server, the Sentinels that know it, or some nodes of a cluster. */
export type RedisServers =
  | { readonly kind: "single"; readonly address: Address }
  | {
    readonly kind: "sentinel";
    readonly addresses: readonly Address[];
    /** The name under which the Sentinels watch the master. */
    readonly master: string;
    /** The Sentinels' own, not the server's. */
    readonly username?: string | undefined;
    readonly password?: string | undefined;
  }
  | { readonly kind: "cluster"; readonly addresses: readonly Address[] };

/** Whom a server asks who we are, and how we know that it is the right one. */
export interface RedisAccess {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  /** Absent = connections are not encrypted. */
  readonly tls?: RedisTls | undefined;
}

/** Encrypted connections. In the configuration `ca`, `certificate` and `key` are paths of files in PEM. */
export interface RedisTls {
  /** Certificates that are trusted in place of the system's. */
  readonly ca?: string | undefined;
  /** Our own certificate and its key, when the server asks for one. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name in the server's certificate, when it is not the host's. */
  readonly serverName?: string | undefined;
}
