import assert from "node:assert/strict";
import { parseCounts, parseOrigin } from "./records.ts";

function recordWith(address: Record<string, unknown>): string {
  const endpoints = { rtmp: [address], http: [], api: [], srt: [], rtc: [] };
  return JSON.stringify({ id: "a", generation: "1", deviceId: "", ip: "srs-1", endpoints });
}

Deno.test("the certificate name of an address is kept, and nothing unknown is", () => {
  const address = { host: "srs-1", port: 443, tls: "srs-1" };
  assert.deepEqual(parseOrigin(recordWith(address))?.endpoints.rtmp, [address]);
  const plain = { host: "10.0.0.1", port: 1935 };
  assert.deepEqual(parseOrigin(recordWith({ ...plain, more: 1 }))?.endpoints.rtmp, [plain]);
  for (const tls of [true, "", "a b", "*.example.com", "x".repeat(3_000)]) {
    assert.equal(parseOrigin(recordWith({ ...plain, tls })), undefined);
  }
});

Deno.test("session reports are parsed with and without rates, and nothing else is accepted", () => {
  const read = (counts: unknown) => parseCounts(JSON.stringify(counts));
  const streams = { "v/a/s": { rtmp: 2 } };
  const some = { publishers: 1, viewers: 2, bitsIn: 3, bitsOut: 4 };
  const whole = {
    origins: { one: some },
    streams,
    publishers: { "v/a/s": 1 },
    rates: { "v/a/s": [3, 4] },
  };
  assert.deepEqual(read(whole), whole);
  // A report of an older version.
  const { bitsIn: _, bitsOut: __, ...old } = some;
  const none = { ...old, bitsIn: 0, bitsOut: 0 };
  assert.deepEqual(read({ origins: { one: old }, streams }), {
    ...{ origins: { one: none }, streams, publishers: {}, rates: {} },
  });
  for (
    const rates of [[], { s: [1] }, { s: [1, 2, 3] }, { s: [1, -2] }, { s: [1, "2"] }, { s: 1 }]
  ) {
    assert.equal(read({ ...whole, rates }), undefined, JSON.stringify(rates));
  }
  assert.equal(read({ ...whole, publishers: { s: -1 } }), undefined);
  assert.equal(read({ ...whole, origins: { one: { ...some, bitsIn: "3" } } }), undefined);
});
