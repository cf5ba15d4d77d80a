// SRT over several lanes, among which the kernel distributes caller addresses.

import assert from "node:assert/strict";
import { packetFor } from "../../../tests/support/srt_packets.ts";
import {
  type SrtCaller,
  SrtWorld,
  type SrtWorldOptions,
} from "../../../tests/support/srt_world.ts";
import { until } from "../../../tests/support/wait.ts";
import { isLibcKnown } from "../../net/udp/libc.ts";

const LANES = 3;
const CLOSED = "srs_proxy_srt_sessions_closed_total";
/** Enough callers that they are never all in one lane. */
const MANY = 24;

function lanesTest(
  name: string,
  test: (world: SrtWorld) => Promise<void>,
  options: SrtWorldOptions = {},
): void {
  const fn = async () => {
    await using world = await SrtWorld.open({ ...options, lanes: LANES });
    await test(world);
    assert.deepEqual(world.errors, []);
  };
  Deno.test({ name, ignore: !isLibcKnown, fn });
}

/** Connects callers; returns them with the ports from which the origin sees them. */
async function callIn(world: SrtWorld, count: number): Promise<Map<SrtCaller, number>> {
  const origin = await world.addOrigin("o");
  const callers = new Map<SrtCaller, number>();
  for (let index = 0; index < count; index++) {
    const caller = await world.caller(100 + index);
    await caller.conclude({ streamId: `#!::r=live/s${index},m=request` });
    const { port } = await origin.letIn(1_000 + index);
    await caller.answer();
    callers.set(caller, port);
  }
  return callers;
}

lanesTest("every lane serves callers, and a kick reaches each of them", async (world) => {
  const callers = await callIn(world, MANY);
  await until("the sessions", () => world.sessions.size === MANY);
  assert.deepEqual([...world.lanes.lanesThatTold("opened")].toSorted(), [1, 2, 3]);
  const { sessions } = world.sessions.list({ limit: 100 });
  const ids = sessions.map(({ session }) => session);
  assert.equal((await world.relay.received(ids)).size, MANY);
  for (const id of ids) assert.equal(world.relay.endSession(id, "kicked"), true);
  await until("the ends", () => world.sessions.size === 0);
  assert.equal(await world.metric(CLOSED, "kicked"), MANY);
  for (const caller of callers.keys()) {
    assert.deepEqual((await caller.peer.next()).bytes.slice(0, 2), [0x80, 5], "each is told");
  }
});

lanesTest(
  "a failing lane ends only its own calls, and no other packets are misdirected",
  async (world) => {
    const callers = await callIn(world, MANY);
    await until("the sessions", () => world.sessions.size === MANY);
    world.lanes.fail(1);
    const ended = await world.metric(CLOSED, "lane_failed");
    assert.ok(ended > 0 && ended < MANY, `${ended} calls were there`);
    assert.equal(world.sessions.size, MANY - ended);
    world.lanes.replace(1);
    for (const [index, caller] of [...callers.keys()].entries()) {
      await caller.send(packetFor(1_000 + index, {}));
    }
    const dropped = () => world.metric("srs_proxy_srt_dropped_total", "unknown_socket");
    await until("those who have to call again", async () => await dropped() === ended);
    const again = await world.caller(7);
    await again.conclude({ streamId: "#!::r=live/again,m=request" });
    await until("the wish", () => world.lanes.lanesThatTold("wanted").size === LANES);
  },
);

lanesTest("callers are limited over all lanes together", async (world) => {
  await callIn(world, 5);
  const last = await world.caller(99);
  await last.conclude({ streamId: "#!::r=live/last,m=request" });
  assert.equal((await last.answer()).type, 2402, "overloaded");
  await until("the count", async () => {
    return await world.metric("srs_proxy_srt_dropped_total", "session_limit") === 1;
  });
}, { maxSessions: 5 });

lanesTest("calls per address are limited over all lanes together", async (world) => {
  await callIn(world, 4);
  const last = await world.caller(99);
  await last.conclude({ streamId: "#!::r=live/last,m=request" });
  assert.equal((await last.answer()).type, 2402, "overloaded");
  await until("the count", async () => {
    return await world.metric("srs_proxy_srt_dropped_total", "address_limit") === 1;
  });
}, { maxSessionsPerAddress: 4 });
