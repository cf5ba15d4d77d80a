import assert from "node:assert/strict";
import { parseOrigin } from "./records.ts";

function recordWith(address: Record<string, unknown>): string {
  const endpoints = { rtmp: [address], http: [], api: [], srt: [], rtc: [] };
  return JSON.stringify({ id: "a", generation: "1", deviceId: "", ip: "srs-1", endpoints });
}

Deno.test("whose certificate an address must show is kept, and nothing unknown is", () => {
  const address = { host: "srs-1", port: 443, tls: "srs-1" };
  assert.deepEqual(parseOrigin(recordWith(address))?.endpoints.rtmp, [address]);
  const plain = { host: "10.0.0.1", port: 1935 };
  assert.deepEqual(parseOrigin(recordWith({ ...plain, more: 1 }))?.endpoints.rtmp, [plain]);
  for (const tls of [true, "", "a b", "*.example.com", "x".repeat(3_000)]) {
    assert.equal(parseOrigin(recordWith({ ...plain, tls })), undefined);
  }
});
