// Sessions packet by packet: what is changed in a handshake, what is passed on unchanged, and what
// never reaches an origin.

import assert from "node:assert/strict";
import { readHandshake, SrtWorld } from "../../../tests/support/srt_world.ts";
import {
  packetFor,
  srtConclusion,
  srtHandshake,
  srtInduction,
} from "../../../tests/support/srt_packets.ts";
import { until } from "../../../tests/support/wait.ts";
import { parseHandshake } from "../../protocol/srt/handshake.ts";

const DROPPED = "srs_proxy_srt_dropped_total";
const PUBLISH = { streamId: "#!::r=live/show,m=publish" };
const DEFAULT = "#!::r=live/livestream,m=publish";

Deno.test("segment sizes are limited to the buffers in both directions", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  for (const [index, [asked, passed]] of [[9000, 2076], [65_535, 2076], [1500, 1500]].entries()) {
    const caller = await world.caller(index + 1);
    await caller.conclude({ ...PUBLISH, mss: asked! });
    await origin.answerInduction();
    const conclusion = await origin.conclusion();
    assert.equal(readHandshake(conclusion).mss, passed);
    // An origin that ignores the size it was told.
    await origin.decide(conclusion, { socketId: 70 + index, mss: asked! });
    assert.equal((await caller.answer()).mss, passed);
    // Packets of the agreed size arrive.
    const largest = packetFor(70 + index, { length: passed! - 28 - 16 });
    await caller.send(largest);
    assert.deepEqual((await origin.next()).bytes, [...largest]);
    const back = packetFor(index + 1, { length: passed! - 28 - 16 });
    await conclusion.peer.send(back, conclusion.port);
    assert.deepEqual((await caller.peer.next()).bytes, [...back]);
  }
});

Deno.test("callers without a StreamID are refused with a reason, or get the default", async () => {
  await using strict = await SrtWorld.open();
  for (const [index, extensionField] of [5, 1].entries()) {
    const caller = await strict.caller(index + 1);
    // A StreamID without its flag is ignored, as in SRS.
    const streamId = extensionField === 1 ? { streamId: "live/show" } : {};
    await caller.conclude({ ...streamId, extensionField });
    assert.equal((await caller.answer()).type, 2400);
  }
  await until("the counts", async () => {
    return await strict.metric(DROPPED, 'reason="no_stream_id"') === 2;
  });

  await using world = await SrtWorld.open({ defaultStreamId: DEFAULT });
  const origin = await world.addOrigin("o");
  const caller = await world.caller(5);
  await caller.conclude({ extensionField: 1 });
  await origin.answerInduction();
  const conclusion = await origin.conclusion();
  // The origin is told the default, because its own may differ.
  assert.equal(parseHandshake(Uint8Array.from(conclusion.bytes)).streamId, DEFAULT);
  await origin.decide(conclusion, {});
  assert.equal((await caller.answer()).type, -1);
  await until("the session", () => world.sessions.size === 1);
  const [session] = world.sessions.list({ limit: 1 }).sessions;
  assert.equal(session!.stream, "__defaultVhost__/live/livestream");
  assert.equal(session!.intent, "publish");
  // A caller that names a stream gets that one.
  const named = await world.caller(6);
  await named.conclude({ streamId: "live/show" });
  await origin.answerInduction();
  const other = parseHandshake(Uint8Array.from((await origin.conclusion()).bytes));
  assert.equal(other.streamId, "live/show");
});

Deno.test("key material is limited in handshakes and within sessions, whatever socket it is for", async () => {
  await using world = await SrtWorld.open({ maxKeyMaterial: 104 });
  const origin = await world.addOrigin("o");
  const pieces = [
    [{ type: 3, data: new Uint8Array(108) }],
    [{ type: 3, data: new Uint8Array(1200) }, { type: 3, data: new Uint8Array(4) }],
    [{ type: 3, data: new Uint8Array(60) }, { type: 4, data: new Uint8Array(60) }],
  ];
  for (const [index, extensions] of pieces.entries()) {
    const caller = await world.caller(index + 1);
    await caller.conclude({ ...PUBLISH, extensions });
    assert.equal((await caller.answer()).type, 2406);
  }
  const caller = await world.caller(5);
  await caller.conclude({ ...PUBLISH, extensions: [{ type: 3, data: new Uint8Array(104) }] });
  const { port } = await origin.letIn(77);
  await caller.answer();
  const dropped = [
    packetFor(77, { control: 0x7fff, subtype: 3, length: 108 }),
    packetFor(77, { control: 0x7fff, subtype: 4, length: 1200 }),
    // A handshake within a session: an origin would accept keys from it too.
    srtConclusion({
      ...{ socketId: 5, destination: 77, ...PUBLISH },
      extensions: [{ type: 3, data: new Uint8Array(1200) }],
    }),
    srtInduction(5).with(15, 77),
  ];
  for (const packet of dropped) await caller.send(packet);
  const passed = [
    packetFor(77, { control: 0x7fff, subtype: 3, length: 104 }),
    packetFor(77, { control: 0x7fff, subtype: 1, length: 108 }),
    packetFor(77, {}),
  ];
  for (const packet of passed) await caller.send(packet);
  for (const packet of passed) {
    assert.deepEqual(await origin.next().then(({ bytes }) => bytes), [...packet]);
  }
  // Key material from the origin is not limited.
  const back = packetFor(5, { control: 0x7fff, subtype: 3, length: 1200 });
  await origin.peers[0]!.send(back, port);
  assert.deepEqual((await caller.peer.next()).bytes, [...back]);
  await until("the counts", async () => {
    const counts = ["key_material", "malformed"].map((reason) => {
      return world.metric(DROPPED, `reason="${reason}"`);
    });
    return (await Promise.all(counts)).join() === "5,2";
  });
});

Deno.test("bonding: groups are passed on unchanged both ways, and members stay separate", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const group = (id: number, weight: number) => ({
    type: 8,
    data: Uint8Array.of(0x40, 0, 0, id, 1, 0, 0, weight),
  });
  // Two members of one group, from two addresses, publish one stream.
  const members = [await world.caller(5), await world.caller(6)];
  const ports: number[] = [];
  for (const [index, member] of members.entries()) {
    await member.conclude({ ...PUBLISH, extensions: [group(9, index)] });
    await origin.answerInduction();
    const conclusion = await origin.conclusion();
    const { socketId, cookie } = member;
    const said = srtConclusion({ socketId, cookie, ...PUBLISH, extensions: [group(9, index)] });
    assert.deepEqual(conclusion.bytes.slice(64), [...said.subarray(64)], "untouched");
    await origin.decide(conclusion, { socketId: 70 + index, extensions: [group(4, 0)] });
    const { bytes } = await member.peer.next();
    const answer = srtHandshake({ type: -1, socketId: 0, extensions: [group(4, 0)] });
    assert.deepEqual(bytes.slice(64), [...answer.subarray(64)], "untouched");
    ports.push(conclusion.port);
  }
  await until("both sessions", () => world.sessions.size === 2);
  assert.notEqual(ports[0], ports[1]);
  for (const [index, member] of members.entries()) {
    await member.send(packetFor(70 + index, {}));
    assert.equal((await origin.next()).port, ports[index]);
  }
});

Deno.test("an origin's further answers to a handshake never reach the caller", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const caller = await world.caller(5);
  await caller.conclude({ streamId: "live/show" });
  const conclusion = await origin.letIn(77);
  assert.equal((await caller.answer()).socketId, 77);
  for (const type of [-1, 1, 1002, 2403]) await origin.decide(conclusion, { type });
  const data = packetFor(5, {});
  await origin.peers[0]!.send(data, conclusion.port);
  assert.deepEqual((await caller.peer.next()).bytes, [...data]);
  const { session } = world.sessions.list({ limit: 1 }).sessions[0]!;
  const received = await world.relay.received([session, "nobody"]);
  assert.deepEqual([...received], [[session, data.length]]);
});
