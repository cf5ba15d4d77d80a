import assert from "node:assert/strict";
import { reportConfig } from "./report.ts";
import { VARIABLES } from "./table.ts";
import { parseDotEnv } from "./dotenv.ts";

Deno.test("every variable is shown with its value and where it comes from, secrets are not", () => {
  const variables = {
    PROXY_RTMP_SERVER: "1935",
    PROXY_HTTP_SERVER: " ",
    PROXY_REGISTER_ALLOW: "10.0.0.0/8 'x' #1",
    PROXY_REGISTER_TOKEN: "secret",
    PROXY_REDIS_URL: "redis://u:secret@h",
    PROXY_REDIS_PASSWORD: "secret",
    PROXY_SRT_COOKIE_SECRET: "secret",
  };
  const sources = { PROXY_RTMP_SERVER: "environment", PROXY_REGISTER_TOKEN: "/etc/srs-proxy/env" };
  const lines = reportConfig({ variables, sources, problems: [], notices: [] });
  assert.equal(lines.length, Object.keys(VARIABLES).length);
  for (
    const line of [
      "PROXY_RTMP_SERVER=1935 # environment",
      "PROXY_HTTP_SERVER=18080 # default",
      `PROXY_REGISTER_ALLOW="10.0.0.0/8 'x' #1" # environment`,
      "PROXY_REGISTER_TOKEN='(hidden)' # /etc/srs-proxy/env",
      "PROXY_API_TOKEN= # default",
    ]
  ) assert.ok(lines.includes(line), line);
  assert.ok(!lines.join("\n").includes("secret"));
  const read = parseDotEnv(lines.join("\n"));
  assert.deepEqual(read.problems, []);
  assert.equal(read.variables.get("PROXY_REGISTER_ALLOW"), variables.PROXY_REGISTER_ALLOW);
});

Deno.test("every variable whose name suggests a secret is hidden", () => {
  const names = Object.keys(VARIABLES).filter((name) => /TOKEN|PASSWORD|SECRET|URL/.test(name));
  const variables = Object.fromEntries(names.map((name) => [name, "abc"]));
  const lines = reportConfig({ variables, sources: {}, problems: [], notices: [] });
  assert.ok(!lines.some((line) => line.includes("abc")));
});
