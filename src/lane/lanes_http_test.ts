// HTTP in lanes: what the main thread asks of a lane that serves an HTTP client, and what all lanes share.

import assert from "node:assert/strict";
import { LANE_ENGINES, LanesWorld, PSEUDONYM } from "../../tests/support/lanes_world.ts";
import { RawBody, RawHttp, requestText } from "../../tests/support/raw_http.ts";
import { until } from "../../tests/support/wait.ts";
import type { EndedBy } from "../core/contracts.ts";

interface HttpViewer {
  readonly client: RawHttp;
  readonly body: RawBody;
  readonly session: string;
}

/** A viewer whose stream is running. */
async function viewerOf(world: LanesWorld, stream: string): Promise<HttpViewer> {
  const client = await RawHttp.connect(world.lanes.http!.address.port);
  await client.send(requestText(`/live/${stream}.flv`));
  const head = await client.head();
  assert.equal(head.status, 200);
  const body = new RawBody(client, head);
  await body.atLeast(500, () => {});
  const key = `__defaultVhost__/live/${stream}`;
  const { session } = await until("the session be told of", () => {
    return world.opened.find((event) => event.stream === key);
  });
  return { client, body, session };
}

/** At least one viewer in each lane; returns all of them. */
async function viewersOfBoth(world: LanesWorld): Promise<HttpViewer[]> {
  const viewers: HttpViewer[] = [];
  const lanes = () => new Set(viewers.map(({ session }) => world.lanes.laneOf(session)));
  while (lanes().size < 2) {
    assert.ok(viewers.length < 60, "the kernel gives every lane some");
    viewers.push(await viewerOf(world, `s${viewers.length}`));
  }
  return viewers;
}

for (const engine of LANE_ENGINES) {
  Deno.test(`${engine}: HTTP sessions are ended by the lane that has them, for the given reason`, async () => {
    await using world = await LanesWorld.open(engine);
    const viewers = await viewersOfBoth(world);
    const reasons: EndedBy[] = ["kicked", "origin_down", "stream_moved"];
    for (const [at, { client, body, session }] of viewers.entries()) {
      const reason = reasons[at % reasons.length]!;
      assert.equal(world.lanes.rtmp.endSession(session, reason), true);
      while (await body.next() !== undefined);
      await until("its end be told", () => {
        return world.closed.some((end) => end.session === session && end.reason === reason);
      });
      // The registry is told after the log.
      await until("the lane let it go", () => !world.lanes.http!.endSession(session, reason));
      client.close();
    }
  });

  Deno.test(`${engine}: every lane reports what origins have sent for its HTTP sessions`, async () => {
    await using world = await LanesWorld.open(engine);
    const viewers = await viewersOfBoth(world);
    const sessions = viewers.map(({ session }) => session);
    const before = await world.lanes.http!.received(sessions);
    assert.deepEqual([...before.keys()].toSorted(), sessions.toSorted());
    for (const { body } of viewers) await body.atLeast(1_000, () => {});
    const after = await world.lanes.http!.received(sessions);
    for (const [session, bytes] of before) {
      assert.ok(bytes >= 500 && after.get(session)! > bytes, `${bytes}, ${after.get(session)}`);
    }
    for (const { client } of viewers) client.close();
  });

  Deno.test(`${engine}: every lane reports the bytes and bit rates of its sessions`, async () => {
    await using world = await LanesWorld.open(engine);
    const viewers = await viewersOfBoth(world);
    for (const { session, client } of viewers) {
      await until("it be told", () => {
        return world.flowed.some((told) => told.session === session && told.flowed.bitsOut > 0);
      });
      client.close();
    }
    for (const { flowed: { bytesIn, bytesOut, bitsIn } } of world.flowed) {
      assert.ok(bytesOut > 0);
      assert.deepEqual([bytesIn, bitsIn], [0, 0]);
    }
  });

  Deno.test(`${engine}: every lane recognizes a request that comes back`, async () => {
    await using world = await LanesWorld.open(engine);
    const { port } = world.lanes.http!.address;
    for (let time = 0; time < 20; time++) {
      const lines = [`Via: 1.1 ${PSEUDONYM}`];
      assert.equal((await RawHttp.ask(port, "/live/x.flv", { lines })).status, 508);
    }
    assert.equal(world.httpOrigin.requests.length, 0);
  });
}
