// The Redis store fulfils the contract of stores, and two registries on one Redis that of
// registries.

import { firstWithRoomByHash } from "../../src/registry/rendezvous.ts";
import { RedisServer } from "../support/redis_server.ts";
import { registryContract } from "./registry_contract.ts";
import { RedisWorld } from "./redis_world.ts";
import { storeContract } from "./store_contract.ts";
import type { StoreBounds } from "./store_harness.ts";

let server: RedisServer | undefined;

Deno.test.beforeAll(async () => {
  server = await RedisServer.open();
});

Deno.test.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const open = (bounds: StoreBounds) => RedisWorld.open(server!, bounds);

storeContract("Redis", open);
registryContract("Redis", open, firstWithRoomByHash);
