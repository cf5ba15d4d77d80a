import assert from "node:assert/strict";
import { resolve } from "node:path";
import configuration from "../deno.json" with { type: "json" };
import { parseArguments, TARGETS } from "./compile.ts";
import { PERMISSIONS, V8_FLAGS } from "./permissions.ts";

Deno.test("the arguments name a target and an output", () => {
  const dist = resolve(import.meta.dirname!, "../dist");
  assert.deepEqual(parseArguments([]), { output: `${dist}/srs-proxy` });
  for (const target of Object.keys(TARGETS)) {
    const options = parseArguments([`--target=${target}`]);
    assert.deepEqual(options, { target, output: `${dist}/srs-proxy-${target}` });
  }
  assert.deepEqual(parseArguments(["--output=/tmp/x"]), { output: "/tmp/x" });
  for (const bad of ["--target", "--target=windows", "--target=toString", "x"]) {
    assert.throws(() => parseArguments([bad]), /Cannot/, bad);
  }
});

Deno.test("the program has the same permissions from source and compiled, and the docs explain each", async () => {
  const flags = configuration.tasks.start.command.match(/--allow-\S+/g);
  assert.deepEqual(flags, PERMISSIONS);
  assert.ok(configuration.tasks.start.command.includes(` ${V8_FLAGS} `));
  const docs = await Deno.readTextFile(resolve(import.meta.dirname!, "../docs/operations.md"));
  for (const flag of PERMISSIONS) assert.ok(docs.includes(`| \`${flag}\``), flag);
});
