import assert from "node:assert/strict";
import { resolve } from "node:path";
import configuration from "../deno.json" with { type: "json" };
import { chooseSteps, STEPS } from "./test_steps.ts";

const ROOT = resolve(import.meta.dirname!, "..");

Deno.test("the tasks choose steps that exist", () => {
  const [, words = ""] = configuration.tasks["test:e2e"].command.split("scripts/test.ts ");
  const steps = chooseSteps(words.split(" "));
  assert.deepEqual(steps.map(({ name }) => name).toSorted(), words.split(" ").toSorted());
});

Deno.test("every test file is run by a step, and steps run only files that exist", () => {
  const run = STEPS.flatMap(({ args }) =>
    args.filter((arg) => /^(?:src|scripts|tests)\b/.test(arg))
  );
  for (const path of run) assert.ok(Deno.statSync(`${ROOT}/${path}`), path);
  const tests = ["src", "scripts", "tests"].flatMap(testsIn);
  assert.ok(tests.length > 200);
  const isRun = (file: string) => run.some((path) => file === path || file.startsWith(`${path}/`));
  assert.deepEqual(tests.filter((file) => !isRun(file)), []);
});

Deno.test("the whole program is tested with three lanes, with one, and with Deno's sockets", () => {
  const filesOf = (suffix: string) => {
    const names = ["networks", "e2e", "crowds"].map((name) => `${name}${suffix}`);
    const steps = STEPS.filter(({ name }) => names.includes(name));
    return new Set(steps.flatMap(({ args }) => args.filter((arg) => arg.startsWith("tests/e2e/"))));
  };
  const all = filesOf("");
  assert.deepEqual([...filesOf("-engine")].toSorted(), [...all].toSorted());
  const again = filesOf("-one-lane");
  assert.ok(again.isSubsetOf(all));
  for (const file of all) {
    const text = Deno.readTextFileSync(`${ROOT}/${file}`);
    const chosen = text.split("PROXY_LANES:").length - 1;
    // Where all lanes are chosen by the tests, they would be the same tests again.
    if (again.has(file)) assert.ok(chosen < text.split("Proxy.open(").length, file);
    else assert.ok(chosen > 0, file);
  }
});

function testsIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(`${ROOT}/${folder}`)).flatMap(({ name, isDirectory }) => {
    if (name === "node_modules") return [];
    const path = `${folder}/${name}`;
    return isDirectory ? testsIn(path) : /_test\.tsx?$/.test(name) ? [path] : [];
  });
}
