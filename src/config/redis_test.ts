import assert from "node:assert/strict";
import { ConfigError, loadConfig } from "./config.ts";
import type { RedisAccess } from "../core/redis_access.ts";
import type { RedisConfig } from "./redis.ts";

function redisOf(env: Record<string, string>): RedisConfig {
  return loadConfig({ variables: env, problems: [] }).redis;
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ variables: env, problems: [] });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

Deno.test("one server, from single variables", () => {
  const env = {
    PROXY_REDIS_HOST: "redis.example",
    PROXY_REDIS_PORT: "6380",
    PROXY_REDIS_PASSWORD: "secret",
  };
  assert.deepEqual(redisOf(env), {
    servers: { kind: "single", address: { host: "redis.example", port: 6380 } },
    access: { username: undefined, password: "secret", database: 0, tls: undefined },
    keyPrefix: "",
  });
});

Deno.test("a URL says everything, or leaves parts to the other variables", () => {
  const cases: [string, RedisAccess][] = [
    ["redis://redis.example", { username: "u", password: "p", database: 7 }],
    ["redis://me:a%40b@redis.example/2", { username: "me", password: "a@b", database: 2 }],
    ["redis://:only@redis.example/", { username: "u", password: "only", database: 7 }],
  ];
  for (const [url, access] of cases) {
    const env = {
      PROXY_REDIS_URL: url,
      PROXY_REDIS_HOST: "elsewhere",
      PROXY_REDIS_USERNAME: "u",
      PROXY_REDIS_PASSWORD: "p",
      PROXY_REDIS_DB: "7",
    };
    const address = { host: "redis.example", port: 6379 };
    const servers = { kind: "single", address } as const;
    assert.deepEqual(
      redisOf(env),
      { servers, keyPrefix: "", access: { ...access, tls: undefined } },
      url,
    );
  }
});

Deno.test("rediss:// is TLS, and so is the switch", () => {
  const address = { host: "::1", port: 6390 };
  for (
    const env of [
      { PROXY_REDIS_URL: "rediss://[::1]:6390", PROXY_REDIS_TLS_CA: "ca.pem" },
      {
        PROXY_REDIS_URL: "redis://[::1]:6390",
        PROXY_REDIS_TLS: "on",
        PROXY_REDIS_TLS_CA: "ca.pem",
      },
    ]
  ) {
    const { servers, access: { tls } } = redisOf(env);
    assert.deepEqual(servers, { kind: "single", address });
    assert.equal(tls?.ca, "ca.pem");
  }
  assert.equal(redisOf({ PROXY_REDIS_TLS_CA: "ca.pem" }).access.tls, undefined);
});

Deno.test("a cluster is given by some of its nodes", () => {
  const { servers } = redisOf({ PROXY_REDIS_CLUSTER: "10.0.0.1:7000 10.0.0.2:7001" });
  const addresses = [{ host: "10.0.0.1", port: 7000 }, { host: "10.0.0.2", port: 7001 }];
  assert.deepEqual(servers, { kind: "cluster", addresses });
});

Deno.test("contradictions are refused", () => {
  const sentinels = { PROXY_REDIS_SENTINELS: "a:1" };
  const cluster = { PROXY_REDIS_CLUSTER: "a:1" };
  assert.deepEqual(problemsOf({ ...sentinels, ...cluster }), [
    "PROXY_REDIS_CLUSTER: Cannot be used together with PROXY_REDIS_SENTINELS",
  ]);
  assert.equal(problemsOf({ ...sentinels, PROXY_REDIS_URL: "redis://a" }).length, 1);
  assert.match(
    problemsOf({ ...cluster, PROXY_REDIS_DB: "1" })[0] ?? "",
    /^PROXY_REDIS_DB: Cannot /,
  );
  assert.match(problemsOf({ PROXY_REDIS_TLS_CERT: "c" })[0] ?? "", /^PROXY_REDIS_TLS_KEY: Cannot /);
  assert.match(problemsOf({ PROXY_REDIS_TLS_KEY: "k" })[0] ?? "", /^PROXY_REDIS_TLS_CERT: Cannot /);
});

Deno.test("invalid values are refused, and a password is never shown", () => {
  const urls = [
    ...["http://:secret@h", "redis://:secret@", "redis://:secret@h/x", "redis://:secret@h?a=1"],
    ...[":secret", "redis://:secret@h:99999", "redis://:secret@h/0/1"],
  ];
  for (const url of urls) {
    const [problem = "", ...more] = problemsOf({ PROXY_REDIS_URL: url });
    assert.match(problem, /^PROXY_REDIS_URL: Cannot use this URL/, url);
    assert.ok(!problem.includes("secret"));
    assert.deepEqual(more, []);
  }
  for (
    const list of ["a", "a:", ":1", "a:0", "a:70000", "[x]:1", "a:1,b", "redis://a:1", "u@a:1"]
  ) {
    assert.match(
      problemsOf({ PROXY_REDIS_SENTINELS: list })[0] ?? "",
      /^PROXY_REDIS_SENTINELS: Cannot use as host:port: current value is/,
      list,
    );
  }
  assert.match(
    problemsOf({ PROXY_REDIS_KEY_PREFIX: "a{}" })[0] ?? "",
    /^PROXY_REDIS_KEY_PREFIX: Cannot /,
  );
});
