import assert from "node:assert/strict";
import type { SessionCounts } from "../core/fleet.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { FleetTallies } from "./fleet_tallies.ts";
import { LiveSessions } from "./session_log.ts";
import { SessionTallies } from "./session_tallies.ts";

const TOLD: SessionCounts = {
  origins: {
    one: { publishers: 1, viewers: 5, bitsIn: 100, bitsOut: 500 },
    far: { publishers: 0, viewers: 1, bitsIn: 0, bitsOut: 7 },
  },
  streams: { "v/a/1": { rtmp: 3, srt: 2 }, "v/a/far": { http: 1 } },
  publishers: { "v/a/1": 1, "v/a/new": 1 },
  rates: { "v/a/1": [100, 500], "v/a/far": [0, 7] },
};

Deno.test("publishers, viewers and rates are those of the whole fleet, and ours are reported to others", async () => {
  const clock = new VirtualClock();
  const sessions = new LiveSessions({ capacity: 10, clock });
  const opened = { stream: "v/a/1", origin: "one", client: "10.0.0.1:1", protocol: "rtmp" };
  sessions.opened({ ...opened, session: "s1", intent: "publish" });
  sessions.opened({ ...opened, session: "s2", intent: "play" });
  const flowed = (session: string, bitsIn: number, bitsOut: number) => {
    sessions.flowed({ session, flowed: { bytesIn: 1, bytesOut: 1, bitsIn, bitsOut } });
  };
  flowed("s1", 20, 1);
  flowed("s2", 2, 40);
  let asked = 0;
  const heard: SessionCounts[] = [];
  using tallies = new FleetTallies({
    clock,
    own: () => new SessionTallies(sessions.all(), (stream) => stream),
    tell: (counts) => Promise.resolve(void heard.push(counts)),
    others: () => {
      asked++;
      return Promise.resolve([TOLD]);
    },
    onError: (error) => assert.fail(String(error)),
  });
  for (let times = 0; times < 3; times++) {
    const all = await tallies.get();
    const one = { publishers: 2, viewers: 6, bitsIn: 122, bitsOut: 541 };
    assert.deepEqual(all.ofOrigin("one"), one);
    assert.deepEqual(all.ofOrigin("far"), { publishers: 0, viewers: 1, bitsIn: 0, bitsOut: 7 });
    const { publishers, viewers, bitsIn, bitsOut } = all.ofStream("v/a/1");
    assert.deepEqual([publishers, viewers], [2, { rtmp: 4, srt: 2 }]);
    assert.deepEqual([bitsIn, bitsOut], [120, 540]);
    assert.equal(all.ofStream("v/a/far").bitsOut, 7);
    assert.equal(all.ofStream("v/a/new").publishers, 1);
  }
  assert.equal(asked, 1);
  await clock.pass(5_000);
  assert.deepEqual(heard, [{
    origins: { one: { publishers: 1, viewers: 1, bitsIn: 22, bitsOut: 41 } },
    streams: { "v/a/1": { rtmp: 1 } },
    publishers: { "v/a/1": 1 },
    rates: { "v/a/1": [20, 40] },
  }]);
  await tallies.get();
  assert.equal(asked, 2);
});
