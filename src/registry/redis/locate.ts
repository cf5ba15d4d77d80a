// Finds the one Redis server that currently takes our writes: a fixed one, the master named by Sentinels,
// or the cluster node that has our hash tag. Asked before every connection, so that every failover is
// followed in the same way.

import type { Address } from "../../core/address.ts";
import type { RedisAccess, RedisServers } from "../../core/redis_access.ts";
import type { RedisCalls, Reply } from "./calls.ts";
import { RedisConnection } from "./connection.ts";

/** Finds the server to connect to. @throws Error when nobody can tell */
export type Locate = (signal: AbortSignal) => Promise<Address>;

/**
 * How to find the server.
 *
 * @param access for the nodes of a cluster; Sentinels have credentials of their own, but the same kind
 * of connection
 * @param key any key of ours
 */
export function locatorOf(servers: RedisServers, access: () => RedisAccess, key: string): Locate {
  switch (servers.kind) {
    case "single":
      return () => Promise.resolve(servers.address);
    case "sentinel": {
      const { username, password, master } = servers;
      const sentinelAccess = () => ({ database: 0, username, password, tls: access().tls });
      return new Inquiry(servers.addresses, sentinelAccess, (asked) => askSentinel(asked, master))
        .locate;
    }
    case "cluster":
      return new Inquiry(servers.addresses, access, (asked, at) => askCluster(asked, at, key))
        .locate;
  }
}

/** Milliseconds after which the next server is asked. */
const ANSWER_TIMEOUT = 800;

type Ask = (asked: RedisCalls, at: Address) => Promise<Address>;

/** Asks one server after the other until one knows, starting with the one that knew last time. */
class Inquiry {
  #order: readonly Address[];
  readonly #access: () => RedisAccess;
  readonly #ask: Ask;

  constructor(addresses: readonly Address[], access: () => RedisAccess, ask: Ask) {
    // Each proxy starts with a different one, so that the first in the list does not bear all the load.
    const first = Math.floor(Math.random() * addresses.length);
    this.#order = [...addresses.slice(first), ...addresses.slice(0, first)];
    this.#access = access;
    this.#ask = ask;
  }

  readonly locate: Locate = async (signal) => {
    let problem: unknown;
    for (const address of this.#order) {
      try {
        const found = await this.#askAt(address, signal);
        this.#order = [address, ...this.#order.filter((other) => other !== address)];
        return found;
      } catch (error) {
        problem = error;
      }
    }
    throw new Error("Cannot find the Redis server to write to: no server that answered knows it", {
      cause: problem,
    });
  };

  async #askAt(address: Address, signal: AbortSignal): Promise<Address> {
    const options = { address, access: this.#access(), silence: ANSWER_TIMEOUT, signal };
    const asked = await RedisConnection.open(options);
    try {
      return await this.#ask(asked, address);
    } finally {
      asked.close(new Error("The server has answered"));
    }
  }
}

async function askSentinel(asked: RedisCalls, master: string): Promise<Address> {
  const reply = await asked.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master);
  const found = Array.isArray(reply) ? addressOf(reply[0], reply[1]) : undefined;
  if (found) return found;
  throw new Error(`Cannot find the master ${master}: the Sentinel does not know it`);
}

async function askCluster(
  asked: RedisCalls,
  at: Address,
  key: string,
): Promise<Address> {
  const slot = Number(await asked.command("CLUSTER", "KEYSLOT", key));
  const ranges = await asked.command("CLUSTER", "SLOTS");
  for (const range of Array.isArray(ranges) ? ranges : []) {
    const [first, last, master] = Array.isArray(range) ? range : [];
    if (!(slot >= Number(first) && slot <= Number(last))) continue;
    const [host, port]: readonly Reply[] = Array.isArray(master) ? master : [];
    // A node that does not know its own name leaves it out: it is where it was asked.
    const found = addressOf(host || at.host, port);
    if (found) return found;
  }
  throw new Error(`Cannot find the node of slot ${slot}: the cluster does not serve it`);
}

function addressOf(host: Reply | undefined, port: Reply | undefined): Address | undefined {
  const number = Number(port);
  if (typeof host !== "string" || !(number >= 1 && number <= 65_535)) return undefined;
  return { host, port: number };
}
