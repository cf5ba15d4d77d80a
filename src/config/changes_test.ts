import assert from "node:assert/strict";
import { CHANGED_VARIABLES } from "../../tests/support/cases/changed_variables.ts";
import { afterReload, changesBetween } from "./changes.ts";
import { type Config, loadConfig } from "./config.ts";
import { VARIABLES } from "./table.ts";

/** Variables that only work together and say no more than another variable. */
const NO_EFFECT_ALONE = /^PROXY_HTTP_API_AUTH_/;

/** What other variables need to have an effect. */
const TLS_BEFORE = {
  PROXY_TLS_CERT: "before.pem,too.pem",
  PROXY_TLS_KEY: "before.key,too.key",
  PROXY_SYSTEM_API_TLS: "1",
};

/** The configuration made from variables, without the variables themselves. */
function load(variables: Readonly<Record<string, string>>): Omit<Config, "variables"> {
  const { variables: _, ...made } = loadConfig({ variables, problems: [] });
  return made;
}

Deno.test("a reload applies every live variable and no other", () => {
  const after: Readonly<Record<string, string>> = CHANGED_VARIABLES;
  for (const [name, { reload }] of Object.entries(VARIABLES)) {
    if (NO_EFFECT_ALONE.test(name)) continue;
    const isSwitch = name === "PROXY_DEFAULT_BACKEND_ENABLED";
    const before: Record<string, string> = {
      PROXY_DEFAULT_BACKEND_ENABLED: isSwitch ? "off" : "on",
      ...TLS_BEFORE,
    };
    const reloaded = load(afterReload(before, { ...before, [name]: after[name]! }));
    if (reload === "start") assert.deepEqual(reloaded, load(before), name);
    else assert.notDeepEqual(reloaded, load(before), name);
  }
});

Deno.test("variables that wait for the next start wait through every reload", () => {
  const first = afterReload({}, { PROXY_MAX_STREAMS: "5", PROXY_API_TOKEN: "a" });
  const second = load(afterReload(first, { PROXY_MAX_STREAMS: "6", PROXY_API_TOKEN: "b" }));
  assert.equal(second.registry.maxStreams, 100_000);
  assert.equal(second.apiAuth.token, "b");
});

Deno.test("changes are reported by the names of variables and by when they apply", () => {
  const before = { PROXY_API_TOKEN: "a", PROXY_MAX_STREAMS: "5", PROXY_ORIGIN_SERVER_TTL: "300s" };
  assert.deepEqual(changesBetween(before, { PROXY_ENGINE: " auto ", PROXY_HTTP_API: "1" }), {
    applied: ["PROXY_API_TOKEN"],
    waiting: ["PROXY_HTTP_API", "PROXY_MAX_STREAMS"],
  });
});
