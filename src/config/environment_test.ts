import assert from "node:assert/strict";
import { TempFolder } from "../../tests/support/temp_folder.ts";
import { Environment } from "./environment.ts";

Deno.test("a variable of the process wins over files, a later file over an earlier", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file("one"), "A=1\nB=1\nC=1\nnothing");
  await Deno.writeTextFile(folder.file("two"), "B=2\nC=2");
  const PROXY_ENV_FILE = `one:missing:${folder.file("two")}`;
  const environment = new Environment({ PROXY_ENV_FILE, C: "3", A: "" }, folder.path);
  const { variables, sources, problems, notices } = await environment.read();
  assert.deepEqual(variables, { A: "1", B: "2", C: "3", PROXY_ENV_FILE });
  const two = folder.file("two");
  assert.deepEqual(sources, { A: "one", B: two, C: "environment", PROXY_ENV_FILE: "environment" });
  assert.deepEqual(notices, ["PROXY_ENV_FILE: missing is not there"]);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /^one line 4: /);
});

Deno.test("the default file is .env; a missing one counts as empty", async () => {
  await using folder = new TempFolder();
  const environment = new Environment({}, folder.path);
  const nothing = { variables: {}, sources: {}, problems: [], notices: [] };
  assert.deepEqual(await environment.read(), nothing);
  await Deno.writeTextFile(folder.file(".env"), "A=1");
  assert.deepEqual((await environment.read()).variables, { A: "1" });
  await Deno.remove(folder.file(".env"));
  await Deno.mkdir(folder.file(".env"));
  const { problems } = await environment.read();
  assert.match(problems[0]!, /^\.env: Cannot read the file: /);
});

Deno.test("variables that a service manager took from the file follow the file, its own do not", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(folder.file(".env"), "TAKEN=1\nTOLD=2\nGONE=3");
  const environment = new Environment({ TAKEN: "1", TOLD: "5", GONE: "3" }, folder.path);
  assert.deepEqual((await environment.read()).variables, { TAKEN: "1", TOLD: "5", GONE: "3" });
  await Deno.writeTextFile(folder.file(".env"), "TAKEN=7\nTOLD=8");
  assert.deepEqual((await environment.read()).variables, { TAKEN: "7", TOLD: "5" });
});

Deno.test("a file that has disappeared is a problem until it is back", async () => {
  await using folder = new TempFolder();
  const environment = new Environment({ PROXY_ENV_FILE: "one:two" }, folder.path);
  await Deno.writeTextFile(folder.file("one"), "A=1");
  assert.deepEqual((await environment.read()).problems, []);
  await Deno.rename(folder.file("one"), folder.file("two"));
  assert.deepEqual((await environment.read()).problems, ["one: Cannot read the file: it is gone"]);
  await Deno.writeTextFile(folder.file("one"), "");
  assert.deepEqual((await environment.read()).problems, []);
});

Deno.test("a named file that is missing is an error, unless another one exists", async () => {
  await using folder = new TempFolder();
  const { problems } = await new Environment({ PROXY_ENV_FILE: "a:b" }, folder.path).read();
  assert.deepEqual(problems, ["PROXY_ENV_FILE: Cannot find the file: current value is a:b"]);
  await Deno.writeTextFile(folder.file("b"), "");
  const found = await new Environment({ PROXY_ENV_FILE: "a:b" }, folder.path).read();
  assert.deepEqual([found.problems, found.notices], [[], ["PROXY_ENV_FILE: a is not there"]]);
});

Deno.test("a variable under its old name counts, with a notice, unless the new one is set", async () => {
  await using folder = new TempFolder();
  const old = await new Environment({ PROXY_UDP_ENGINE: "deno" }, folder.path).read();
  assert.deepEqual(old.variables, { PROXY_ENGINE: "deno" });
  assert.deepEqual(old.sources, { PROXY_ENGINE: "environment" });
  assert.deepEqual(old.notices, [
    "PROXY_UDP_ENGINE: Use PROXY_ENGINE instead; the old name will go",
  ]);
  const both = { PROXY_UDP_ENGINE: "deno", PROXY_ENGINE: "libc" };
  const { variables } = await new Environment(both, folder.path).read();
  assert.deepEqual(variables, { PROXY_ENGINE: "libc" });
});
