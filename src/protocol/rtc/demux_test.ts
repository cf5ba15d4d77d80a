import assert from "node:assert/strict";
import { isMedia, kindOf, showsKeys } from "./demux.ts";

function record(type: number, epoch: number, length = 1): number[] {
  const header = [type, 254, 253, epoch >> 8, epoch, 0, 0, 0, 0, 0, 0, length >> 8, length];
  return [...header, ...new Array<number>(length).fill(7)];
}

function shows(...records: readonly number[][]): boolean {
  const bytes = Uint8Array.from(records.flat());
  return showsKeys(bytes, bytes.length);
}

Deno.test("datagrams are classified by their first byte", () => {
  const kinds: [from: number, to: number, kind: string][] = [
    [0, 3, "stun"],
    [4, 19, "other"],
    [20, 22, "handshake"],
    [23, 23, "media"],
    [24, 31, "handshake"],
    [32, 63, "sealed"],
    [64, 127, "other"],
    [128, 191, "media"],
    [192, 255, "other"],
  ];
  for (const [from, to, kind] of kinds) {
    for (let first = from; first <= to; first++) {
      assert.equal(kindOf(Uint8Array.of(first), 1), kind, String(first));
      assert.equal(isMedia(Uint8Array.of(first), 1), first >= 128 && first < 192);
    }
  }
  assert.equal(kindOf(Uint8Array.of(0x80), 0), "other", "only the given length counts");
  assert.ok(!isMedia(Uint8Array.of(0x80), 0));
});

Deno.test("a record of a later epoch shows that the handshake has finished", () => {
  assert.ok(!shows());
  assert.ok(!shows(record(22, 0)));
  assert.ok(!shows(record(20, 0), record(22, 0, 300)));
  assert.ok(shows(record(22, 1)));
  assert.ok(shows(record(23, 256)));
  assert.ok(
    shows(record(22, 0, 300), record(20, 0), record(22, 1)),
    "the last flight in one piece",
  );
  assert.ok(
    !shows(record(22, 0, 5).slice(0, -1), record(22, 1)),
    "records are walked by their length",
  );
  assert.ok(!shows(record(22, 0, 0xffff).slice(0, 40)));
  assert.ok(!shows([0x80, ...record(22, 1)]));
  assert.ok(!shows([1, ...record(22, 1)]));
  const sealed = new Array<number>(20).fill(9);
  assert.ok(!shows([0x2e, ...sealed]), "DTLS 1.3, epoch 2");
  assert.ok(shows([0x2f, ...sealed]), "DTLS 1.3, epoch 3");
  assert.ok(!showsKeys(Uint8Array.from(record(22, 1)), 12), "cut off");
});
