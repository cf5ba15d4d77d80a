import assert from "node:assert/strict";
import { assertContiguous, assertSameFrames, type Frame, FrameList, overlap } from "./frames.ts";

function frames(...timestamps: number[]): Frame[] {
  return timestamps.map((dts) => ({ kind: "video", dts, pts: dts, size: 1, hash: `h${dts}` }));
}

Deno.test("frames are read from framemd5 lines, each with the kind of its track", () => {
  const list = new FrameList();
  const lines = [
    "#format: frame checksums",
    "#tb 0: 1/1000",
    "#media_type 0: video",
    "#media_type 1: audio",
    "0,         23,         43,      100,     6204, 0d79",
    "1,         24,         24,       23,      209, 1a2b",
  ];
  lines.forEach((line) => list.add(line));
  assert.deepEqual(list.frames, [
    { kind: "video", dts: 23, pts: 43, size: 6204, hash: "0d79" },
    { kind: "audio", dts: 24, pts: 24, size: 209, hash: "1a2b" },
  ]);
  assert.deepEqual(list.of("audio").map(({ dts }) => dts), [24]);
});

Deno.test("a line that is neither header nor frame of a known track is an error", () => {
  const list = new FrameList();
  assert.throws(() => list.add("0, 23, 23, 100, 6204, 0d79"), /Cannot read a frame/);
});

Deno.test("the overlap starts with the later reader and ends with the earlier one", () => {
  const [left, right] = overlap(frames(1, 2, 3, 4), frames(3, 4, 5));
  assert.deepEqual(left.map(({ dts }) => dts), [3, 4]);
  assert.deepEqual(right.map(({ dts }) => dts), [3, 4]);
  assert.deepEqual(overlap(frames(1, 2), []), [[], []]);
});

Deno.test("only frames in the overlap are compared", () => {
  assertSameFrames(frames(1, 2, 3, 4), frames(2, 3, 4, 5), 3);
});

Deno.test("a missing, an added and a changed frame and a short overlap are all found", () => {
  assert.throws(() => assertSameFrames(frames(1, 2, 3, 4), frames(1, 3, 4), 1), /match frame 1/);
  assert.throws(() => assertSameFrames(frames(1, 3, 4), frames(1, 2, 3, 4), 1), /match frame 1/);
  const changed = frames(1, 2, 3).map((frame) => ({ ...frame, hash: "other" }));
  assert.throws(() => assertSameFrames(frames(1, 2, 3), changed, 1), /match frame 0/);
  assert.throws(() => assertSameFrames(frames(1, 2), frames(2, 3), 2), /Cannot compare 2 frames/);
  assert.throws(() => assertSameFrames([], [], 1), /Cannot compare 1 frames/);
});

Deno.test("a gap and a step back are found in frames that should be contiguous", () => {
  assertContiguous(frames(0, 100, 200, 301), 101);
  assert.throws(() => assertContiguous(frames(0, 100, 300), 101), /from 100 to 300/);
  assert.throws(() => assertContiguous(frames(0, 100, 100), 101), /from 100 to 100/);
});
