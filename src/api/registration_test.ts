import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import type { BoundAddress } from "../core/fleet.ts";
import type { Address } from "../core/address.ts";
import type { Origin } from "../core/origin.ts";
import { AddressPolicy } from "./address_policy.ts";
import { originOf, parseRegistration, refuseOwnAddresses } from "./registration.ts";

const GOOD = { ip: "10.0.0.1", server: "vid-1", service: "s-1", pid: "42", rtmp: ["1935"] };

function policy(own: BoundAddress[] = [], names: string[] = []): AddressPolicy {
  return new AddressPolicy({
    allow: () => [],
    allowNames: () => names,
    ownAddresses: () => own,
    otherProxies: () => [],
    localIps: () => [],
  });
}

function parse(more: Record<string, unknown> = {}): Origin {
  return originOf(parseRegistration(JSON.stringify({ ...GOOD, ...more })), policy());
}

function at(...ports: number[]): Address[] {
  return ports.map((port) => ({ host: "10.0.0.1", port }));
}

function assertRefused(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error: unknown) => {
    assert.ok(error instanceof ProxyError);
    assert.equal(error.code, "bad_request");
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("an origin that uses TLS must present a certificate for what is dialled", () => {
  const { endpoints } = parse({
    rtmp: ["1935", "rtmps://0.0.0.0:1936", "RTMPS://10.0.0.7:1937"],
    http: ["https://:8443"],
    api: ["https://1990", "http://1985"],
    rtc: ["https://8000", "udp://8001"],
  });
  const own = { host: "10.0.0.1", tls: "10.0.0.1" };
  assert.deepEqual(endpoints, {
    rtmp: [
      { host: "10.0.0.1", port: 1935 },
      { ...own, port: 1936 },
      { ...own, port: 1937 },
      { host: "10.0.0.7", tls: "10.0.0.7", port: 1937 },
    ],
    http: [{ ...own, port: 8443 }],
    api: [{ ...own, port: 1990 }, { host: "10.0.0.1", port: 1985 }],
    srt: [],
    rtc: at(8001),
  });
  const named = originOf(
    parseRegistration(JSON.stringify({ ...GOOD, ip: "srs-1.example.com", rtmp: ["rtmps://443"] })),
    policy([], ["srs-1.example.com"]),
  );
  const name = "srs-1.example.com";
  assert.deepEqual(named.endpoints.rtmp, [{ host: name, tls: name, port: 443 }]);
});

Deno.test("SRS's full registration becomes an origin", () => {
  const origin = parse({
    device_id: "my-device",
    rtmp: ["19351", "10.0.0.1:1936", "[::]:1937"],
    http: ["8080"],
    api: ["0.0.0.0:1985"],
    srt: ["udp://0.0.0.0:10081"],
    rtc: ["udp://0.0.0.0:8000", "tcp://0.0.0.0:8001"],
    summaries: { ok: true, data: { now_ms: 1 } },
  });
  assert.deepEqual(origin, {
    id: "vid-1",
    generation: "s-1/42",
    deviceId: "my-device",
    ip: "10.0.0.1",
    endpoints: {
      rtmp: at(19351, 1936, 1937),
      http: at(8080),
      api: at(1985),
      srt: at(10081),
      rtc: at(8000),
    },
  });
});

Deno.test("the mandatory fields alone make an RTMP-only origin", () => {
  const { endpoints, deviceId } = parse({ http: null, srt: [], device_id: null });
  assert.deepEqual(endpoints, { rtmp: at(1935), http: [], api: [], srt: [], rtc: [] });
  assert.equal(deviceId, "");
});

Deno.test("the pid may be a number, and a new one is another generation", () => {
  assert.equal(parse({ pid: 42 }).generation, parse().generation);
  assert.notEqual(parse({ pid: "43" }).generation, parse().generation);
  assert.notEqual(parse({ service: "s-2" }).generation, parse().generation);
});

Deno.test("an endpoint's own address is dialled after the registered one", () => {
  const { endpoints } = parse({ rtmp: ["10.0.0.9:1935", "1936"] });
  assert.deepEqual(endpoints.rtmp, [...at(1935, 1936), { host: "10.0.0.9", port: 1935 }]);
});

Deno.test("an origin bound to loopback elsewhere is dialled at its registered address", () => {
  assert.deepEqual(parse({ rtmp: ["127.0.0.1:1935"] }).endpoints.rtmp, at(1935));
  const local = parse({ ip: "127.0.0.1", rtmp: ["127.0.0.1:1935"] }).endpoints.rtmp;
  assert.deepEqual(local, [{ host: "127.0.0.1", port: 1935 }]);
});

Deno.test("an endpoint with an unknown scheme is ignored, and RTMP needs at least one", () => {
  assert.deepEqual(parse({ http: ["rtmp://:1935", "http://:8080"] }).endpoints.http, at(8080));
  assertRefused(() => parse({ rtmp: ["udp://:1935"] }), /rtmp has no TCP endpoint/);
});

Deno.test("an endpoint that cannot be parsed is named", () => {
  for (const bad of ["0", "70000", "-1", "port", "1.5", "127.0.0.1:0", "host:1935"]) {
    assertRefused(() => parse({ srt: ["10080", bad] }), new RegExp(`in srt: .* is ${bad}$`));
  }
});

Deno.test("an endpoint at a refused address is refused", () => {
  assertRefused(() => parse({ rtmp: ["169.254.169.254:80"] }), /169\.254\.169\.254: .*link-local/);
  assertRefused(() => parse({ ip: "169.254.169.254" }), /ip 169\.254\.169\.254/);
});

Deno.test("an endpoint that is the proxy's own is refused", () => {
  const registration = parseRegistration(JSON.stringify({ ...GOOD, http: ["8080"] }));
  assertRefused(
    () =>
      refuseOwnAddresses(
        originOf(registration, policy()),
        policy([{ transport: "tcp", host: "10.0.0.1", port: 8080 }]),
      ),
    /10\.0\.0\.1:8080: the proxy/,
  );
});

Deno.test("every missing field is named at once", () => {
  assertRefused(
    () => parseRegistration("{}"),
    /ip is missing, server is missing, service is missing, pid is missing, rtmp is missing/,
  );
});

Deno.test("a field of the wrong type or size is named", () => {
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ ip: 5 }, /ip must be a string/],
    [{ server: "" }, /server must not be empty/],
    [{ server: "x".repeat(257) }, /server must have at most 256 characters/],
    [{ server: "a\nb" }, /server must not contain control characters/],
    [{ server: "\ud800" }, /server must not contain half a character/],
    [{ service: "a\udc00" }, /service must not contain half a character/],
    [{ service: "a\u202e" }, /service must not contain control characters/],
    [{ pid: "\u2028" }, /pid must not contain control characters/],
    [{ pid: "\ud83d" }, /pid must not contain half a character/],
    [{ device_id: "a\u009b" }, /device_id must not contain control characters/],
    [{ device_id: "\ud83d\ud83d" }, /device_id must not contain half a character/],
    [{ ip: "\u2066" }, /ip must not contain control characters/],
    [{ rtmp: ["\ud800"] }, /rtmp\.0 must not contain half a character/],
    [{ service: {} }, /service must be a string/],
    [{ pid: null }, /pid must be a string or an integer/],
    [{ pid: 1.5 }, /pid must be a string or an integer/],
    [{ pid: true }, /pid must be a string or an integer/],
    [{ rtmp: "1935" }, /rtmp must be an array/],
    [{ rtmp: [] }, /rtmp must not be empty/],
    [{ rtmp: [1935] }, /rtmp\.0 must be a string/],
    [{ rtmp: ["1935", ""] }, /rtmp\.1 must not be empty/],
    [{ rtmp: ["9".repeat(257)] }, /rtmp\.0 must have at most/],
    [{ rtmp: new Array(17).fill("1935") }, /rtmp must have at most 16 entries/],
    [{ srt: {} }, /srt must be an array/],
    [{ device_id: 5 }, /device_id must be a string/],
  ];
  for (const [more, message] of cases) assertRefused(() => parse(more), message);
});

Deno.test("a body that is no JSON object is refused", () => {
  for (const body of ["", "not json", "{", '{"ip":"10.0.0.1"']) {
    assertRefused(() => parseRegistration(body), /the body is not JSON/);
  }
  for (const body of ["null", "5", '"text"', "[]", "[1]", "true", "[".repeat(3) + "]".repeat(3)]) {
    assertRefused(() => parseRegistration(body), /Cannot register/);
  }
});

Deno.test("a body nested as deep as fits is refused like any other", () => {
  const deep = 30_000;
  assertRefused(() => parseRegistration("[".repeat(deep) + "]".repeat(deep)), /Cannot register/);
});

Deno.test("keys that are special in JavaScript are ordinary here", () => {
  const body = JSON.stringify(GOOD).replace("{", '{"__proto__":{"ip":5},"constructor":1,');
  assert.equal(parseRegistration(body).ip, "10.0.0.1");
});

Deno.test("a port number of ours may be used by an origin over the other transport", () => {
  const own: BoundAddress[] = [
    { transport: "udp", host: "10.0.0.1", port: 10080 },
    { transport: "tcp", host: "10.0.0.1", port: 1985 },
  ];
  const registrationOf = (more: Record<string, unknown>) =>
    refuseOwnAddresses(parse(more), policy(own));
  registrationOf({ rtmp: ["10080"], srt: ["udp://0.0.0.0:1985"] });
  assertRefused(() => registrationOf({ srt: ["10080"] }), /10\.0\.0\.1:10080: the proxy/);
  assertRefused(() => registrationOf({ api: ["1985"] }), /10\.0\.0\.1:1985: the proxy/);
});

Deno.test("an allowed name may be used wherever its address may", () => {
  const body = {
    ...GOOD,
    ip: "SRS-1",
    rtmp: ["1935", "127.0.0.1:1936"],
    srt: ["udp://0.0.0.0:10080"],
  };
  const origin = originOf(parseRegistration(JSON.stringify(body)), policy([], ["srs-1"]));
  const at = (port: number) => ({ host: "srs-1", port });
  assert.equal(origin.ip, "srs-1");
  assert.deepEqual([origin.endpoints.rtmp, origin.endpoints.srt], [[at(1935), at(1936)], [
    at(10080),
  ]]);
});
