import assert from "node:assert/strict";
import { MAX_DIALS } from "../../core/try_origins.ts";
import { RtmpOrigin, TAKE_PLAYER } from "../../../tests/support/rtmp_origin.ts";
import { RtmpRelayWorld } from "../../../tests/support/rtmp_limits_world.ts";

const UNREACHABLE = 'srs_proxy_origin_dials_total{protocol="rtmp",result="origin_unreachable"}';

Deno.test("one play among a thousand dead origins costs a handful of dials", async () => {
  await using dead = new RtmpOrigin(undefined);
  await using world = await RtmpRelayWorld.open();
  const ports = new Array<number>(16).fill(dead.port);
  for (let index = 0; index < 1_000; index++) await world.addOrigin(`o${index}`, ...ports);
  using client = await world.client();
  await client.want("play", "show");
  assert.ok(await client.isTold("NetStream.Play.Failed"));
  assert.ok(dead.dials > 1 && dead.dials <= MAX_DIALS, `${dead.dials} dials`);
  assert.equal(await world.metric(UNREACHABLE), dead.dials);
  assert.deepEqual(world.errors, []);
});

Deno.test("an origin behind dead ones is found within the bound", async () => {
  await using dead = new RtmpOrigin(undefined);
  await using alive = new RtmpOrigin(TAKE_PLAYER);
  await using world = await RtmpRelayWorld.open();
  for (let index = 0; index < 3; index++) await world.addOrigin(`o${index}`, dead.port, dead.port);
  await world.addOrigin("alive", dead.port, alive.port);
  using client = await world.client();
  await client.want("play", "show");
  assert.ok(await client.isTold("NetStream.Play.Start"));
  assert.ok(dead.dials < MAX_DIALS);
});

Deno.test("an origin that speaks at once behind its handshake is heard", async () => {
  await using origin = new RtmpOrigin(TAKE_PLAYER, { isEager: true });
  await using world = await RtmpRelayWorld.open();
  await world.addOrigin("o", origin.port);
  using client = await world.client();
  await client.want("play", "show");
  assert.ok(await client.isTold("NetStream.Play.Start"));
});
