import assert from "node:assert/strict";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";
import { mediaAddressesOf } from "./media_address.ts";

function at(text: string): Address {
  const [host = "", port] = text.split(":");
  return { host, port: Number(port) };
}

function originWith(...rtc: readonly string[]): Origin {
  const none = { rtmp: [], http: [], api: [], srt: [] };
  const endpoints = { ...none, rtc: rtc.map(at) };
  return { id: "vid-1", generation: "1", deviceId: "", ip: "10.0.0.5", endpoints };
}

/** The address tried first. */
function mediaAddressOf(...given: Parameters<typeof mediaAddressesOf>): Address {
  return mediaAddressesOf(...given).media;
}

const OWN = at("10.0.0.5:1985");

Deno.test("of several addresses, media goes to the one at which the origin has answered", () => {
  const origin = originWith("10.0.0.4:8000", "10.0.0.5:8000", "10.0.0.5:8001");
  assert.deepEqual(mediaAddressOf(origin, OWN, [at("1.2.3.4:8000")]), at("10.0.0.5:8000"));
  assert.deepEqual(mediaAddressOf(origin, OWN, [at("1.2.3.4:9")]), at("10.0.0.5:8000"));
  const elsewhere = at("10.0.0.9:1985");
  assert.deepEqual(mediaAddressOf(origin, elsewhere, [at("1.2.3.4:8001")]), at("10.0.0.5:8001"));
  // No registered endpoint, and a name as the origin's address.
  const named = { ...originWith(), ip: "srs-1" };
  assert.deepEqual(mediaAddressOf(named, OWN, [at("1.2.3.4:8000")]), at("10.0.0.5:8000"));
});

Deno.test("media goes to the origin's registered address, with the port in its answer", () => {
  const cases: [rtc: string[], answered: string[], media: string][] = [
    [["10.0.0.5:8000"], ["203.0.113.1:8000"], "10.0.0.5:8000"],
    [["10.0.0.5:8000", "10.0.0.5:8001"], ["203.0.113.1:8001"], "10.0.0.5:8001"],
    [["10.0.0.5:8000"], ["203.0.113.1:30000"], "10.0.0.5:8000"],
    [[], ["203.0.113.1:8000"], "10.0.0.5:8000"],
    [[], ["203.0.113.1:8000", "10.0.0.5:8001"], "10.0.0.5:8001"],
  ];
  for (const [rtc, answered, media] of cases) {
    assert.deepEqual(mediaAddressOf(originWith(...rtc), OWN, answered.map(at)), at(media));
  }
});

Deno.test("a client cannot have media sent to an address of its choice", () => {
  const asked = { host: "169.254.169.254", port: 53 };
  const answered = ["169.254.169.254:53", "10.0.0.5:8000"].map(at);
  assert.deepEqual(mediaAddressOf(originWith(), OWN, answered, asked), at("10.0.0.5:8000"));
  assert.throws(() => mediaAddressOf(originWith(), OWN, answered.slice(0, 1), asked), /UDP/);
  assert.throws(() => mediaAddressOf(originWith(), OWN, []), /UDP/);
});

Deno.test("a few other addresses are tried after it, none with another port", () => {
  const origin = originWith("10.0.0.4:8000", "10.0.0.5:8000", "10.0.0.6:8001", "10.0.0.7:8000");
  assert.deepEqual(mediaAddressesOf(origin, OWN, [at("1.2.3.4:8000")]), {
    media: at("10.0.0.5:8000"),
    otherMedia: [at("10.0.0.4:8000"), at("10.0.0.7:8000")],
  });
  assert.deepEqual(mediaAddressesOf(origin, OWN, [at("1.2.3.4:8001")]), {
    media: at("10.0.0.6:8001"),
  });
  const many = originWith(...Array.from({ length: 20 }, (_, index) => `10.0.1.${index}:8000`));
  assert.equal(mediaAddressesOf(many, OWN, [at("1.2.3.4:8000")]).otherMedia?.length, 7);
});
