// Redis with three Sentinels, a master and a replica, and as a cluster of three nodes: the stores
// find the server that accepts writes, also after a failover.

import assert from "node:assert/strict";
import type { RedisServers } from "../../src/core/redis_access.ts";
import { freePort, freePorts } from "../support/ports.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { sampleOrigin } from "./sample_origin.ts";

const LONG = 60_000;
const SLOTS = 16_384;

function sentinelLines(port: number, master: number): string[] {
  return [
    `port ${port}`,
    `sentinel monitor streams 127.0.0.1 ${master} 2`,
    "sentinel down-after-milliseconds streams 800",
    "sentinel failover-timeout streams 4000",
  ];
}

/** Also while Sentinel makes a server the master, which ends all connections to it. */
async function isMaster(server: RedisServer): Promise<boolean> {
  try {
    return /role:master/.test(String(await server.command("INFO", "replication")));
  } catch {
    return false;
  }
}

Deno.test("Sentinels: the stores follow the master to another server", async () => {
  await using stack = new AsyncDisposableStack();
  const master = stack.use(await RedisServer.open());
  const replica = stack.use(
    await RedisServer.open({ args: ["--replicaof", "127.0.0.1", String(master.port)] }),
  );
  const ports = freePorts(3);
  for (const port of ports) {
    const configuration = sentinelLines(port, master.port);
    stack.use(await RedisServer.open({ port, configuration, args: ["--sentinel"] }));
  }
  await until("the replica be in step", async () => {
    return /state=online/.test(String(await master.command("INFO", "replication")));
  });
  const addresses = ports.map((port) => ({ host: "127.0.0.1", port }));
  const servers: RedisServers = { kind: "sentinel", addresses, master: "streams" };
  const world = stack.use(await RedisWorld.open(master, { servers }));
  await world.untilAsked(true);
  const [one, two] = world.stores;
  await one.putOrigin(sampleOrigin("before"), LONG);
  await until("the other to hear of it", () => two.origins().length === 1);

  await master.kill();
  // Both decide alone until there is a master again.
  await one.putOrigin(sampleOrigin("meanwhile"), LONG);
  await until("the replica take over", () => isMaster(replica), { timeout: 20_000 });
  await world.untilAsked(true, 20_000);
  await two.putOrigin(sampleOrigin("after"), LONG);
  const names = ["after", "before", "meanwhile"];
  for (const store of world.stores) {
    await until("all origins", () => {
      return `${store.origins().map(({ origin }) => origin.id).toSorted()}` === `${names}`;
    });
  }
  assert.equal(await replica.command("ZCARD", world.keys.origins), 3);
});

/** A cluster node on a port whose bus port is also free. */
async function openNode(): Promise<RedisServer> {
  const bus = String(freePort());
  return await RedisServer.open({
    args: ["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"],
  });
}

Deno.test("Cluster: the stores use the node of their keys, whichever node is configured", async () => {
  await using stack = new AsyncDisposableStack();
  const nodes = [await openNode(), await openNode(), await openNode()];
  for (const node of nodes) stack.use(node);
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]];
  const share = Math.ceil(SLOTS / nodes.length);
  for (const [index, node] of nodes.entries()) {
    const last = Math.min(SLOTS, (index + 1) * share) - 1;
    await node.command("CLUSTER", "ADDSLOTSRANGE", String(index * share), String(last));
  }
  for (const node of others) {
    const bus = /cluster-port\D+(\d+)/.exec(
      String(await node.command("CONFIG", "GET", "cluster-port")),
    );
    await first.command("CLUSTER", "MEET", "127.0.0.1", String(node.port), bus![1]!);
  }
  for (const node of nodes) {
    await until("the cluster be whole", async () => {
      const info = String(await node.command("CLUSTER", "INFO"));
      return /cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info);
    }, { timeout: 20_000 });
  }
  // A prefix whose slot is on the last node, while only the first is configured.
  const servers: RedisServers = {
    kind: "cluster",
    addresses: [{ host: "127.0.0.1", port: first.port }],
  };
  for (const keyPrefix of ["", "tv:"]) {
    await using world = await RedisWorld.open(first, { servers, keyPrefix });
    await world.untilAsked(true);
    const [one, two] = world.stores;
    await one.putOrigin(sampleOrigin(`o${keyPrefix}`), LONG);
    await until("the other to hear of it", () => two.origin(`o${keyPrefix}`) !== undefined);
    const counts = await Promise.all(nodes.map(async (node) => {
      return await node.command("ZCARD", world.keys.origins).catch(() => "elsewhere");
    }));
    assert.deepEqual(counts.toSorted(), [1, "elsewhere", "elsewhere"]);
  }
});
