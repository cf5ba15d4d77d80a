import assert from "node:assert/strict";
import { resolve } from "node:path";
import configuration from "../deno.json" with { type: "json" };
import { parseArguments, TARGETS } from "./compile.ts";
import { packagesOf } from "./module_graph.ts";
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

Deno.test("packages that the program needs are told from those it does not", () => {
  const one = (name: string, ...dependencies: string[]) => ({ name, version: "1", dependencies });
  const { used, unused } = packagesOf(JSON.stringify({
    modules: [{ kind: "esm" }, { kind: "npm", npmPackage: "a@1" }],
    npmPackages: {
      "a@1": one("a", "b@1"),
      "b@1": one("b", "a@1"),
      "c@1": one("c", "d@1"),
      "d@1": one("d"),
    },
  }));
  assert.deepEqual(used.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(unused.map(({ name }) => name), ["c", "d"]);
});

Deno.test("the program has the same permissions from source and compiled, and the docs explain each", async () => {
  const flags = configuration.tasks.start.command.match(/--allow-\S+/g);
  assert.deepEqual(flags, PERMISSIONS);
  assert.ok(configuration.tasks.start.command.includes(` ${V8_FLAGS} `));
  const docs = await Deno.readTextFile(resolve(import.meta.dirname!, "../docs/operations.md"));
  for (const flag of PERMISSIONS) assert.ok(docs.includes(`| \`${flag}\``), flag);
});
