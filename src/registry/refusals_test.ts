import assert from "node:assert/strict";
import { MemoryStore } from "./memory_store.ts";
import { Registry } from "./registry.ts";

Deno.test("if no origin has registered the error says so, and tells operators how to register one", async () => {
  const store = new MemoryStore({ maxOrigins: 3, maxStreams: 3 });
  const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  await using registry = await Registry.open({ store, metrics, ...times });
  const request = { stream: "v/a/s", intent: "play", session: "1", failed: [] } as const;
  const resolve = () => registry.resolve({ ...request, protocol: "srt" });
  await assert.rejects(resolve, (error: Error) => {
    assert.equal(error.message, "Cannot serve this stream: no origin has registered");
    assert.match(String(error.cause), /heartbeat of each SRS .*register/);
    return true;
  });
  const endpoints = {
    rtmp: [{ host: "10.0.0.1", port: 1935 }],
    http: [],
    api: [],
    srt: [],
    rtc: [],
  };
  await registry.register({ id: "a", generation: "1", deviceId: "", ip: "10.0.0.1", endpoints });
  await assert.rejects(resolve, /no origin offers srt for it/);
});
