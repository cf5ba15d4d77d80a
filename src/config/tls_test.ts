import assert from "node:assert/strict";
import { ConfigError, loadConfig } from "./config.ts";

function problemsOf(variables: Record<string, string>): readonly string[] {
  const pair = { PROXY_TLS_CERT: "c.pem", PROXY_TLS_KEY: "k.pem" };
  try {
    loadConfig({ variables: { ...pair, ...variables }, problems: [] });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

Deno.test("the HTTP API shares the HTTP server's port with TLS exactly if it does without", () => {
  const together = { PROXY_HTTP_SERVER: "8080", PROXY_HTTP_API: "8080" };
  const apart = { PROXY_HTTP_SERVER: "8080", PROXY_HTTP_API: "1985" };
  const [server, api] = [{ PROXY_HTTPS_SERVER: "443" }, { PROXY_HTTPS_API: "443" }];
  const other = { PROXY_HTTPS_API: "1990" };
  assert.deepEqual(problemsOf({ ...together, ...server }), []);
  assert.deepEqual(problemsOf({ ...together, ...server, ...api }), []);
  assert.deepEqual(problemsOf({ ...apart, ...server, ...other }), []);
  assert.deepEqual(problemsOf({ ...apart, ...api }), []);
  assert.deepEqual(problemsOf({ ...apart, ...server, ...api }), [
    "PROXY_HTTPS_API: Cannot share a port with PROXY_HTTPS_SERVER: current value is 443",
  ]);
  // Nothing would listen there.
  for (const variables of [other, { ...server, ...other }]) {
    assert.deepEqual(problemsOf({ ...together, ...variables }), [
      "PROXY_HTTPS_API: Cannot have another port than PROXY_HTTPS_SERVER while PROXY_HTTP_API " +
      "shares that of PROXY_HTTP_SERVER",
    ]);
  }
});
