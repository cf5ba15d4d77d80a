import assert from "node:assert/strict";
import { MAX_DIALS } from "../../core/try_origins.ts";
import { RtmpOrigin, startOf } from "../../../tests/support/rtmp_origin.ts";
import { RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { answerConnect, answerStatus, Script } from "../../../tests/support/rtmp_script.ts";

const UNREACHABLE = 'srs_proxy_origin_dials_total{protocol="rtmp",result="origin_unreachable"}';

Deno.test("one play among a thousand dead origins costs a handful of dials", async () => {
  await using world = await RtmpRelayWorld.open({ origins: [] });
  await using dead = new RtmpOrigin({ greets: "by closing" });
  const ports = new Array<number>(16).fill(dead.port);
  for (let index = 0; index < 1_000; index++) await world.addOrigin(`o${index}`, ...ports);
  using client = await world.wanting("play");
  await client.hears("onStatus:NetStream.Play.Failed");
  assert.ok(dead.greetings > 1 && dead.greetings <= MAX_DIALS, `${dead.greetings} dials`);
  assert.equal(await world.metric(UNREACHABLE), dead.greetings);
});

Deno.test("an origin behind dead ones is found within the bound", async () => {
  await using world = await RtmpRelayWorld.open({ origins: [] });
  await using dead = new RtmpOrigin({ greets: "by closing" });
  await using alive = new RtmpOrigin();
  for (let index = 0; index < 3; index++) await world.addOrigin(`o${index}`, dead.port, dead.port);
  await world.addOrigin("alive", dead.port, alive.port);
  using _client = await world.begun("play");
  assert.ok(dead.greetings < MAX_DIALS);
});

Deno.test("what an origin sends right after its handshake is read", async () => {
  const eager = answerStatus(
    answerConnect(new Script()).command(["_result", 2, null, 1]),
    startOf("play"),
  ).bytes;
  await using world = await RtmpRelayWorld.open({ origins: [new RtmpOrigin({ eager })] });
  using _client = await world.begun("play");
});
