import assert from "node:assert/strict";
import { findNotices, unknownNames } from "./notices.ts";

function settingsOf(variables: Record<string, string>) {
  return { variables, sources: {}, problems: [], notices: [] };
}

function noticesOf(variables: Record<string, string>): string[] {
  return findNotices(settingsOf(variables));
}

Deno.test("an unknown name is reported with the one probably meant, if one is similar", () => {
  const cases = [
    ["PROXY_RTMP_PORT", "PROXY_RTMP_PORT: There is no such variable"],
    ["PROXY_REGISTER_TOKN", "PROXY_REGISTER_TOKN: .*; perhaps you meant PROXY_REGISTER_TOKEN"],
    ["PROXY_RTMP_SEVRER", "PROXY_RTMP_SEVRER: .*; perhaps you meant PROXY_RTMP_SERVER"],
    [
      "PROXY_WEBRTC_CANDIDATES",
      "PROXY_WEBRTC_CANDIDATES: .*; perhaps you meant PROXY_WEBRTC_CANDIDATE",
    ],
    ["PROXY_ORIGIN_TTL", "PROXY_ORIGIN_TTL: There is no such variable"],
    [`PROXY_${"X".repeat(65_536)}`, "There is no such variable"],
  ] as const;
  for (const [name, notice] of cases) {
    const [told = "", ...more] = noticesOf({ [name]: "1" });
    assert.match(told, new RegExp(notice), name);
    assert.deepEqual(more, []);
  }
  assert.match(noticesOf({ PROXY_X: "1" })[0]!, /^PROXY_X: There is no such variable$/);
  assert.deepEqual(unknownNames(settingsOf({ PATH: "/bin", PROXY_RTMP_SERVER: "1" })), []);
});

Deno.test("a variable without effect is reported with what it would need", () => {
  assert.deepEqual(noticesOf({ PROXY_REDIS_HOST: "redis", PROXY_REDIS_DB: " " }), [
    "PROXY_REDIS_HOST: Has no effect: PROXY_LOAD_BALANCER_TYPE is memory",
  ]);
  assert.deepEqual(noticesOf({ PROXY_DEFAULT_BACKEND_IP: "10.0.0.1" }), [
    "PROXY_DEFAULT_BACKEND_IP: Has no effect: PROXY_DEFAULT_BACKEND_ENABLED is off",
  ]);
  assert.deepEqual(noticesOf({ PROXY_HTTP_API_AUTH_TOKEN: "abc" }), [
    "PROXY_HTTP_API_AUTH_TOKEN: Has no effect: PROXY_HTTP_API_AUTH_ENABLED is off",
  ]);
  assert.deepEqual(noticesOf({ PROXY_LOAD_BALANCER_TYPE: "redis", PROXY_REDIS_HOST: "redis" }), []);
  assert.deepEqual(noticesOf({}), []);
});

Deno.test("a default backend that is the proxy itself is reported, TCP and UDP separately", () => {
  const on = { PROXY_DEFAULT_BACKEND_ENABLED: "on" };
  assert.deepEqual(noticesOf({ ...on, PROXY_RTMP_SERVER: "1935" }), [
    "PROXY_DEFAULT_BACKEND_RTMP: The proxy itself listens there: current value is 1935",
  ]);
  assert.deepEqual(noticesOf({ ...on, PROXY_SRT_SERVER: "127.0.0.1:10080" }).length, 1);
  assert.deepEqual(noticesOf({ ...on, PROXY_SRT_SERVER: "10.0.0.1:10080" }), []);
  assert.deepEqual(noticesOf({ ...on, PROXY_SRT_SERVER: "1935" }), []);
  const elsewhere = { ...on, PROXY_DEFAULT_BACKEND_IP: "10.0.0.1", PROXY_RTMP_SERVER: "1935" };
  assert.deepEqual(noticesOf(elsewhere), []);
});
