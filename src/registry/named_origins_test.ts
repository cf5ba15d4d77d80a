import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import { MemoryStore } from "./memory_store.ts";
import { NamedOrigins, OriginNames } from "./named_origins.ts";
import { Registry } from "./registry.ts";

function origin(id: string, host: string): Origin {
  const at = (port: number) => [{ host, port }];
  const endpoints = { rtmp: at(1935), http: [], api: at(1985), srt: at(10080), rtc: at(8000) };
  return { id, generation: "1", deviceId: "", ip: host, endpoints };
}

const QUIET = { count: () => {}, gauge: () => {}, observe: () => {} };

async function withNames(names: Readonly<Record<string, readonly string[]>>) {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 10 });
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  const registry = await Registry.open({ store, metrics: QUIET, ...times, random: () => 0 });
  const asked: string[] = [];
  const lookup = (name: string) => {
    asked.push(name);
    return Promise.resolve(names[name] ?? []);
  };
  return { registry, asked, resolver: new NamedOrigins(registry, new OriginNames(lookup)) };
}

const REQUEST = { stream: "v/a/s", protocol: "rtmp", intent: "publish", session: "1" } as const;

Deno.test("a name is resolved in every protocol, each time it is used", async () => {
  const names: Record<string, readonly string[]> = { "srs-1": ["10.0.0.5", "fd00::5"] };
  const { registry, asked, resolver } = await withNames(names);
  await using _registry = registry;
  await registry.register(origin("a", "srs-1"));
  const { endpoints } = await resolver.resolve({ ...REQUEST, failed: [] });
  const at = (port: number) => ["10.0.0.5", "fd00::5"].map((host) => ({ host, port }));
  assert.deepEqual([endpoints.rtmp, endpoints.srt, endpoints.rtc], [at(1935), at(10080), at(8000)]);
  assert.deepEqual(asked, ["srs-1"]);
  names["srs-1"] = ["10.0.0.6"];
  const moved = await resolver.resolve({ ...REQUEST, session: "2", failed: [] });
  assert.deepEqual(moved.endpoints.rtmp, [{ host: "10.0.0.6", port: 1935 }]);
});

Deno.test("the certificate of a named origin is for its name, whatever it resolves to", async () => {
  const { registry, resolver } = await withNames({ "srs-1": ["10.0.0.5", "fd00::5"] });
  await using _registry = registry;
  const { endpoints, ...rest } = origin("a", "srs-1");
  const rtmp = [{ host: "srs-1", port: 443, tls: "srs-1" }];
  await registry.register({ ...rest, endpoints: { ...endpoints, rtmp } });
  const found = await resolver.resolve({ ...REQUEST, failed: [] });
  assert.deepEqual(found.endpoints.rtmp, [
    { host: "10.0.0.5", port: 443, tls: "srs-1" },
    { host: "fd00::5", port: 443, tls: "srs-1" },
  ]);
});

Deno.test("an origin without a name is passed on as it is", async () => {
  const { registry, asked, resolver } = await withNames({});
  await using _registry = registry;
  await registry.register(origin("a", "10.0.0.1"));
  const found = await resolver.resolve({ ...REQUEST, failed: [] });
  assert.deepEqual(found, origin("a", "10.0.0.1"));
  assert.deepEqual(asked, []);
});

Deno.test("an origin whose name does not resolve is skipped and set aside", async () => {
  const { registry, resolver } = await withNames({ good: ["10.0.0.5"] });
  await using _registry = registry;
  for (const name of ["bad-1", "bad-2", "good"]) await registry.register(origin(name, name));
  for (let count = 0; count < 10; count++) {
    const request = { ...REQUEST, stream: `v/a/${count}`, session: `${count}`, failed: [] };
    assert.equal((await resolver.resolve(request)).id, "good");
  }
  const aside = (await registry.origins()).filter(({ setAsideFor }) => "rtmp" in setAsideFor);
  assert.ok(aside.every(({ origin: { id } }) => id.startsWith("bad")));
});

Deno.test("if no name resolves the request fails after a few", async () => {
  const { registry, asked, resolver } = await withNames({});
  await using _registry = registry;
  for (const name of ["a", "b", "c", "d", "e"]) await registry.register(origin(name, name));
  await assert.rejects(resolver.resolve({ ...REQUEST, failed: [] }), (error) => {
    return error instanceof ProxyError && error.code === "origin_unreachable";
  });
  assert.equal(asked.length, 3);
});
