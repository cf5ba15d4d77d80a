import assert from "node:assert/strict";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";
import { mediaAddressOf } from "./media_address.ts";

function at(text: string): Address {
  const [host = "", port] = text.split(":");
  return { host, port: Number(port) };
}

function originWith(...rtc: readonly string[]): Origin {
  const none = { rtmp: [], http: [], api: [], srt: [] };
  const endpoints = { ...none, rtc: rtc.map(at) };
  return { id: "vid-1", generation: "1", deviceId: "", ip: "10.0.0.5", endpoints };
}

Deno.test("media goes where the origin is registered, by the port that it answers", () => {
  const cases: [rtc: string[], answered: string[], media: string][] = [
    [["10.0.0.5:8000"], ["203.0.113.1:8000"], "10.0.0.5:8000"],
    [["10.0.0.5:8000", "10.0.0.5:8001"], ["203.0.113.1:8001"], "10.0.0.5:8001"],
    [["10.0.0.5:8000"], ["203.0.113.1:30000"], "10.0.0.5:8000"],
    [[], ["203.0.113.1:8000"], "10.0.0.5:8000"],
    [[], ["203.0.113.1:8000", "10.0.0.5:8001"], "10.0.0.5:8001"],
  ];
  for (const [rtc, answered, media] of cases) {
    assert.deepEqual(mediaAddressOf(originWith(...rtc), answered.map(at)), at(media));
  }
});

Deno.test("a client cannot have media sent to an address of its choice", () => {
  const asked = { host: "169.254.169.254", port: 53 };
  const answered = ["169.254.169.254:53", "10.0.0.5:8000"].map(at);
  assert.deepEqual(mediaAddressOf(originWith(), answered, asked), at("10.0.0.5:8000"));
  assert.throws(() => mediaAddressOf(originWith(), answered.slice(0, 1), asked), /UDP/);
  assert.throws(() => mediaAddressOf(originWith(), []), /UDP/);
});
