// Limits on clients: exact over all lanes, and unaffected by a failed one.

import assert from "node:assert/strict";
import { RtmpCrowd } from "../../tests/support/rtmp_crowd.ts";
import { LANE_ENGINES, LanesWorld } from "../../tests/support/lanes_world.ts";
import { until } from "../../tests/support/wait.ts";

const LIMITS = {
  "in total": { PROXY_MAX_CONNECTIONS: "12", PROXY_MAX_CONNECTIONS_PER_ADDRESS: "12" },
  "for an address": { PROXY_MAX_CONNECTIONS: "100", PROXY_MAX_CONNECTIONS_PER_ADDRESS: "12" },
};

for (const engine of LANE_ENGINES) {
  for (const [which, variables] of Object.entries(LIMITS)) {
    Deno.test(`${engine}: a limit ${which} is reached but never exceeded, whoever leaves`, async () => {
      await using world = await LanesWorld.open(engine, variables);
      using crowd = new RtmpCrowd(world.lanes.rtmp.address.port);
      await crowd.grow(20);
      assert.deepEqual([crowd.size, crowd.refused], [12, 8]);
      crowd.shrink(5);
      await until("they be gone", async () => {
        await crowd.grow(1);
        return crowd.size === 12;
      });
      await crowd.grow(5);
      assert.equal(crowd.size, 12);
      await world.lanes.report();
      const { text } = await world.metrics.expose();
      const gauge = /^srs_proxy_rtmp_connections (\d+)$/m.exec(text);
      assert.ok(Number(gauge![1]) <= 12, gauge![0]);
    });
  }

  Deno.test(`${engine}: only clients of failed lanes stop counting`, async () => {
    await using world = await LanesWorld.open(engine, LIMITS["for an address"]);
    using crowd = new RtmpCrowd(world.lanes.rtmp.address.port);
    await crowd.grow(13);
    assert.equal(crowd.size, 12);
    // Often enough for the columns of ended lanes to be reused.
    for (const lane of [1, 2, 1, 2, 1]) {
      world.lanes.fail(lane, new Error("for the test"));
      await until("it be gone", () => world.lanes.alive === 1, { interval: 1 });
      await until("it be back", () => world.lanes.alive === 2);
      await until("all clients know, and others have come", async () => {
        const before = crowd.size;
        await crowd.grow(1);
        return crowd.size === before;
      });
      assert.equal(crowd.size, 12);
    }
    const { refused } = crowd;
    await crowd.grow(3);
    assert.deepEqual([crowd.size, crowd.refused], [12, refused + 3]);
  });
}
