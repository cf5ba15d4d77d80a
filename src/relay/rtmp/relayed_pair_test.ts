import assert from "node:assert/strict";
import { RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler } from "../../../tests/support/rtmp_wire.ts";
import { until } from "../../../tests/support/wait.ts";

const VIDEO = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
const ACKNOWLEDGEMENT = 3;

Deno.test("an origin is told nothing behind a play but what the player says", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const [link] = world.origin.links;
  for (let frame = 1; frame <= 20; frame++) {
    await link!.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(300, frame) }));
    await until("a frame", () => player.messages.filter(({ type }) => type === 9).length === frame);
  }
  await player.say(new Script().command(["pause", 4, null, true, 0], { streamId: 1 }));
  await link!.hears("pause");
  const told = link!.messages.map(({ type }) => type);
  const play = link!.messages.findIndex(({ streamId }) => streamId === 1);
  assert.deepEqual(told.slice(play), [20, 20]);
  const before = told.slice(0, play).filter((type) => type === ACKNOWLEDGEMENT);
  assert.ok(before.length > 0, "the origin waits 40 ms for a sign of life");
});
