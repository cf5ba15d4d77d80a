import assert from "node:assert/strict";
import { ChangeCounts } from "./change_counts.ts";

Deno.test("a stamp holds until its stream or any origin changes, whichever thread counts it", () => {
  const main = new ChangeCounts();
  const lane = new ChangeCounts(main.memory);
  const stamp = main.stamp("v/live/1");
  assert.ok(lane.holds(stamp));
  main.streamChanged("v/live/2");
  assert.ok(lane.holds(stamp), "another stream is none of its business");
  main.streamChanged("v/live/1");
  assert.ok(!lane.holds(stamp));
  const next = main.stamp("v/live/1");
  assert.ok(lane.holds(next));
  main.originsChanged();
  assert.ok(!lane.holds(next));
});

Deno.test("streams are spread over the counts", () => {
  const counts = new ChangeCounts();
  const slots = new Set(Array.from({ length: 1_000 }, (_, at) => counts.stamp(`v/a/${at}`).slot));
  assert.ok(slots.size > 900, `${slots.size} slots for 1,000 streams`);
});
