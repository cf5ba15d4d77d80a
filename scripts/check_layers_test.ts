import assert from "node:assert/strict";
import { findViolations, readSources } from "./check_layers.ts";

/** Returns the violations in these files. */
function violationsOf(files: Record<string, string>): string[] {
  return findViolations(new Map(Object.entries(files)));
}

function importing(...specifiers: string[]): string {
  return specifiers.map((specifier) => `import { a } from "${specifier}";\n`).join("");
}

Deno.test("imports that follow the layers are allowed", () => {
  const violations = violationsOf({
    "src/core/log.ts": importing("node:async_hooks", "@logtape/logtape"),
    "src/protocol/rtmp/amf0.ts": importing("../../core/errors.ts"),
    "src/net/dial.ts": importing("../core/errors.ts"),
    "src/relay/session_table.ts": importing("../core/contracts.ts"),
    "src/relay/rtmp/session.ts": importing("../session_table.ts", "../../protocol/rtmp/amf0.ts"),
    "src/relay/rtc/signaling.ts": importing("../../http1/forward.ts", "../udp/front.ts"),
    "src/api/system_api.ts": importing("hono", "hono/cors", "../core/contracts.ts"),
    "src/app/app.ts": importing("../relay/rtmp/session.ts", "../config/config.ts"),
    "src/config/config.ts": importing("../core/errors.ts", "./table.ts"),
    "src/process/run.ts": importing("../app/app.ts"),
    "src/core/version.ts": 'import json from "../../deno.json" with { type: "json" };\n',
  });
  assert.deepEqual(violations, []);
});

Deno.test("an import against the layers is found, in whatever form", () => {
  const cases: [path: string, text: string][] = [
    ["src/core/a.ts", importing("../net/b.ts")],
    ["src/core/a.ts", 'import type { B } from "../protocol/b.ts";\n'],
    ["src/core/a.ts", 'import {\n  B,\n  type C,\n} from "../registry/b.ts";\n'],
    ["src/core/a.ts", 'export * from "../relay/b.ts";\n'],
    ["src/core/a.ts", 'import "../api/b.ts";\n'],
    ["src/core/a.ts", '  const b = await import("../net/b.ts");\n'],
    ["src/core/a.ts", importing("../config/config.ts")],
    ["src/core/a.ts", importing("../../tests/support/b.ts")],
    ["src/core/a.ts", importing("hono")],
    ["src/net/a.ts", importing("../protocol/rtmp/b.ts")],
    ["src/protocol/rtmp/a.ts", importing("../../net/b.ts")],
    ["src/registry/a.ts", importing("../relay/b.ts")],
    ["src/registry/a.ts", importing("../net/b.ts")],
    ["src/relay/rtmp/a.ts", importing("../../registry/b.ts")],
    ["src/relay/rtmp/a.ts", importing("../srt/b.ts")],
    ["src/relay/udp/a.ts", importing("../srt/b.ts")],
    ["src/http1/a.ts", importing("../relay/http/b.ts")],
    ["src/relay/a.ts", importing("./http/b.ts")],
    ["src/api/a.ts", importing("../registry/b.ts")],
    ["src/api/a.ts", importing("../net/b.ts")],
    ["src/api/a.ts", importing("@redis/client")],
    ["src/process/cli.ts", importing("../relay/b.ts")],
    ["src/process/cli.ts", importing("../net/b.ts")],
  ];
  for (const [path, text] of cases) {
    const [violation = "", ...more] = violationsOf({ [path]: text });
    assert.ok(violation.startsWith(`${path}: Cannot import `), `${path} ${text}`);
    assert.deepEqual(more, []);
  }
});

Deno.test("a file beside the layers is found", () => {
  for (const path of ["src/app.ts", "src/ports/a.ts"]) {
    const [violation = "", ...more] = violationsOf({ [path]: importing("./core/a.ts") });
    assert.match(violation, /: Cannot lie there: no layer is called /, path);
    assert.deepEqual(more, []);
    assert.equal(
      violationsOf({ [path]: "export const a = 1;\n" }).length,
      1,
      "without imports too",
    );
  }
});

Deno.test("a cycle is found and shown once", () => {
  const violations = violationsOf({
    "src/core/a.ts": importing("./b.ts"),
    "src/core/b.ts": importing("./c.ts"),
    "src/core/c.ts": importing("./b.ts"),
  });
  assert.deepEqual(violations, [
    "src/core/b.ts: Cannot import in a circle: src/core/b.ts → src/core/c.ts → src/core/b.ts",
  ]);
});

Deno.test("protocol code that does input, output or timing is found", () => {
  const cases = [
    "async function a() {}",
    "await a;",
    "Deno.connect({ port: 1 });",
    "setTimeout(a, 1);",
    "const now = Date.now();",
    "const now = new Date();",
    "const now = performance.now();",
    'import { connect } from "node:net";',
  ];
  for (const text of cases) {
    const violations = violationsOf({ "src/protocol/rtmp/a.ts": `${text}\n` });
    assert.match(violations[0] ?? "", /^src\/protocol\/rtmp\/a.ts: Cannot use /, text);
    assert.deepEqual(violationsOf({ "src/net/a.ts": `${text}\n` }), [], "elsewhere it is fine");
  }
  assert.deepEqual(violationsOf({ "src/protocol/a.ts": "const date = new Date(5);\n" }), []);
  const comment = "// No async, no Deno.connect.\n/** Never Date.now() */\n";
  assert.deepEqual(violationsOf({ "src/protocol/rtmp/a.ts": comment }), []);
});

Deno.test("a long file, a meaningless name and a foreign registry are found", () => {
  assert.deepEqual(violationsOf({ "tests/a_test.ts": "\n".repeat(400) }), []);
  assert.deepEqual(violationsOf({ "tests/a_test.ts": "\n".repeat(401) }), [
    "tests/a_test.ts: Cannot be longer than 400 lines: current value is 401",
  ]);
  for (const path of ["src/core/utils.ts", "src/util/a.ts", "src/net/tcp_helper.ts"]) {
    assert.match(violationsOf({ [path]: "" })[0] ?? "", /Cannot be called/, path);
  }
  assert.deepEqual(violationsOf({ "src/core/utility_bill.ts": "" }), []);
  const remote = violationsOf({ "scripts/a.ts": importing("jsr:@std/assert") });
  assert.deepEqual(remote, [
    "scripts/a.ts: Cannot import jsr:@std/assert: only npm packages are allowed",
  ]);
});

Deno.test("sources are read from folders and single files", async () => {
  const top = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${top}/src/net`, { recursive: true });
    await Deno.writeTextFile(`${top}/main.ts`, "main");
    await Deno.writeTextFile(`${top}/src/net/dial.ts`, "dial");
    await Deno.writeTextFile(`${top}/src/notes.md`, "notes");
    const sources = await readSources(top, ["main.ts", "src"]);
    assert.deepEqual([...sources], [["main.ts", "main"], ["src/net/dial.ts", "dial"]]);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
});
