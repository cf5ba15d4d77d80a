// Redis with access control: a user with a password, and encrypted connections.

import assert from "node:assert/strict";
import type { RedisAccess } from "../../src/core/redis_access.ts";
import { freePort } from "../support/ports.ts";
import { RedisServer } from "../support/redis_server.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { makeCertificates, tlsArguments } from "../support/certificates.ts";
import { until } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { sampleOrigin } from "./sample_origin.ts";

const LONG = 60_000;
const USER = ["--user", "proxy", "on", ">of-this-test-only", "~*", "&*", "+@all"];
const NOBODY_ELSE = ["--user", "default", "off"];

async function assertShared(server: RedisServer): Promise<void> {
  await using world = await RedisWorld.open(server);
  await world.untilAsked(true);
  const [one, two] = world.stores;
  await one.putOrigin(sampleOrigin("o"), LONG);
  await until("the other to hear of it", () => two.origins().length === 1);
  assert.equal(await server.command("ZCARD", world.keys.origins), 1);
}

Deno.test("a user with a password, and a database of its own", async () => {
  const access: RedisAccess = { username: "proxy", password: "of-this-test-only", database: 3 };
  await using server = await RedisServer.open({ access, args: [...USER, ...NOBODY_ELSE] });
  await assertShared(server);
  for (const wrong of [{ ...access, password: "wrong" }, { database: 3 }]) {
    await using world = await RedisWorld.open(server, { access: () => wrong });
    await world.untilAsked(false);
    assert.doesNotMatch(String(world.stores[0].trouble), /wrong|of-this-test-only/);
  }
});

Deno.test("encrypted connections, only to a server with a trusted certificate", async () => {
  await using folder = new TempFolder();
  const ca = await makeCertificates(folder);
  const port = freePort();
  await using server = await RedisServer.open({
    port,
    access: { database: 0, tls: { ca } },
    args: tlsArguments(folder, port),
  });
  await assertShared(server);
  await using world = await RedisWorld.open(server, { access: () => ({ database: 0, tls: {} }) });
  await world.untilAsked(false);
});
