import assert from "node:assert/strict";
import { HttpOrigin } from "../../tests/support/http_origin.ts";
import { freePort } from "../../tests/support/ports.ts";
import { RtmpOrigin } from "../../tests/support/rtmp_origin.ts";
import { systemClock } from "../core/clock.ts";
import { MAX_ADDRESSES } from "../core/try_origins.ts";
import type { Origin } from "../core/origin.ts";
import { DenoTcpEngine } from "../net/deno/tcp_engine.ts";
import { checkOrigin } from "./probe.ts";

type Endpoints = Origin["endpoints"];

const NONE: Endpoints = { rtmp: [], http: [], api: [], rtc: [], srt: [] };

function check(endpoints: Partial<Endpoints>): Promise<boolean> {
  const identity = { id: "o", generation: "1", deviceId: "", ip: "127.0.0.1" };
  const origin: Origin = { ...identity, endpoints: { ...NONE, ...endpoints } };
  return checkOrigin(new DenoTcpEngine(systemClock), origin, 1_000);
}

Deno.test("an origin is alive if it answers over HTTP, whatever else it has", async () => {
  await using origin = new HttpOrigin({});
  const here = [{ host: "127.0.0.1", port: origin.httpPort }];
  const nowhere = [{ host: "127.0.0.1", port: freePort() }];
  assert.equal(await check({ http: here }), true);
  assert.equal(await check({ rtmp: nowhere, http: here }), true);
  assert.equal(await check({ api: nowhere, http: here }), true);
  assert.equal(await check({ rtmp: nowhere, http: nowhere }), false);
});

Deno.test("an origin is alive if it answers at any address that clients would use", async () => {
  await using origin = new HttpOrigin({});
  const here = { host: "127.0.0.1", port: origin.httpPort };
  const nowhere = { host: "127.0.0.1", port: freePort() };
  for (const kind of ["http", "api"] as const) {
    const before = new Array<typeof here>(MAX_ADDRESSES - 1).fill(nowhere);
    assert.equal(await check({ [kind]: [...before, here] }), true, kind);
    assert.equal(await check({ [kind]: [...before, nowhere, here] }), false, kind);
  }
});

Deno.test("an origin without an HTTP API is alive if it answers an RTMP handshake", async () => {
  for (const [greets, isAlive] of [["well", true], ["never", false]] as const) {
    await using origin = new RtmpOrigin({ greets, isProbed: true });
    const here = [{ host: "127.0.0.1", port: origin.port }];
    const nowhere = [{ host: "127.0.0.1", port: freePort() }];
    assert.equal(await check({ rtmp: here }), isAlive);
    assert.equal(await check({ rtmp: here, api: nowhere }), isAlive);
    assert.equal(origin.greetings, 2, "a whole greeting has arrived");
  }
});

Deno.test("an origin without a TCP address counts as alive", async () => {
  const datagrams = [{ host: "127.0.0.1", port: freePort() }];
  assert.equal(await check({ srt: datagrams, rtc: datagrams }), true);
});
