import assert from "node:assert/strict";
import { TempFolder } from "../../tests/support/temp_folder.ts";
import { loadConfig } from "./config.ts";
import { findUnreadable } from "./files.ts";

function problemsOf(variables: Record<string, string>): Promise<string[]> {
  return findUnreadable(loadConfig({ variables, problems: [] }));
}

Deno.test("missing folders and files are reported by their variable", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file("pem"), "x");
  assert.deepEqual(await problemsOf({ PROXY_STATIC_FILES: folder.path }), []);
  const gone = folder.file("gone");
  for (const path of [gone, folder.file("pem")]) {
    const [problem = "", ...more] = await problemsOf({ PROXY_STATIC_FILES: path });
    assert.match(problem, /^PROXY_STATIC_FILES: Cannot read it: .*: current value is \//);
    assert.deepEqual(more, []);
  }
  const tls = {
    PROXY_REDIS_TLS: "on",
    PROXY_REDIS_TLS_CA: gone,
    PROXY_REDIS_TLS_CERT: folder.file("pem"),
    PROXY_REDIS_TLS_KEY: gone,
  };
  const named = (await problemsOf({ PROXY_LOAD_BALANCER_TYPE: "redis", ...tls }))
    .map((problem) => problem.split(":")[0]);
  assert.deepEqual(named, ["PROXY_REDIS_TLS_CA", "PROXY_REDIS_TLS_KEY"]);
  assert.deepEqual(await problemsOf(tls), [], "nobody reads them");
});
