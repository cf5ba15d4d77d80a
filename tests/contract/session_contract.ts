// What every store must do with WebRTC sessions. A part of storeContract.

import assert from "node:assert/strict";
import type { RtcSession } from "../../src/core/contracts.ts";
import { BOUNDS, fill, isOverloaded, LONG, type Test, TTL } from "./store_harness.ts";

/** A session at an address where nothing is. */
function rtcSession(user: string, more: Partial<RtcSession> = {}): RtcSession {
  const media = { host: "192.0.2.1", port: 8000 };
  const password = "Zm9yIHRlc3RzIG9ubHkgISE";
  return { user, password, stream: "v/a/s", intent: "play", origin: "a", media, ...more };
}

export const SESSION_TESTS: Readonly<Record<string, Test>> = {
  "a session put at one end is found at the other": async (
    { stores: [one, two], pass, settle },
  ) => {
    assert.equal(await two.session("answer:offer"), undefined);
    const session = rtcSession("answer:offer");
    await one.putSession(session, TTL);
    await settle();
    assert.deepEqual(await two.session("answer:offer"), session);
    assert.deepEqual(await one.session("answer:offer"), session);
    assert.equal(await one.session("answer:other"), undefined);
    await pass(TTL + 1);
    assert.equal(await one.session("answer:offer"), undefined);
    assert.equal(await two.session("answer:offer"), undefined);
  },

  "a session keeps all its media addresses": async ({ stores: [one, two], settle }) => {
    const otherMedia = [{ host: "2001:db8::1", port: 8000 }, { host: "192.0.2.2", port: 8001 }];
    await one.putSession(rtcSession("u:v", { otherMedia }), TTL);
    await settle();
    assert.deepEqual((await two.session("u:v"))?.otherMedia, otherMedia);
  },

  "a session put again is replaced and lives longer": async (
    { stores: [one, two], pass, settle },
  ) => {
    await one.putSession(rtcSession("u:v"), TTL);
    assert.equal((await two.session("u:v"))?.stream, "v/a/s");
    await one.putSession(rtcSession("u:v", { stream: "v/a/t" }), TTL * 3);
    await settle();
    await pass(TTL * 2);
    assert.equal((await two.session("u:v"))?.stream, "v/a/t");
  },

  "a session that has ended is gone at both ends": async ({ stores: [one, two], settle }) => {
    await one.putSession(rtcSession("u:v"), LONG);
    assert.equal((await two.session("u:v"))?.user, "u:v");
    await two.endSession("u:v");
    await two.endSession("u:v");
    await settle();
    assert.equal(await two.session("u:v"), undefined);
    assert.equal(await one.session("u:v"), undefined);
  },

  "a new session is refused when there is no room, known ones are renewed": async (
    { stores, pass },
  ) => {
    const [one, two] = stores;
    await fill(BOUNDS.maxSessions, (at, ttl) => one.putSession(rtcSession(`u:${at}`), ttl));
    await assert.rejects(async () => await two.putSession(rtcSession("u:new"), LONG), isOverloaded);
    await two.putSession(rtcSession("u:1"), LONG);
    await pass(TTL + 1_000);
    await two.putSession(rtcSession("u:new"), LONG);
    assert.equal((await one.session("u:new"))?.user, "u:new");
  },
};
