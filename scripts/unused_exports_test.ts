import assert from "node:assert/strict";
import { findUnusedExports } from "./unused_exports.ts";

/** Returns what is found for a.ts with this text and other files. */
function found(text: string, others: Record<string, string> = {}) {
  const sources = new Map(Object.entries({ "src/core/a.ts": text, ...others }));
  const { unused, testsOnly } = findUnusedExports(sources);
  return { unused: unused.filter((one) => one.startsWith("src/core/a.ts")), testsOnly };
}

Deno.test("an export that nobody imports is found, whatever its kind", () => {
  const texts = [
    "export const a = 1;\nfoo(a);\n",
    "export let a = 1;\n",
    "export async function a(): Promise<void> {}\n",
    "export function* a() {}\n",
    "export abstract class a {}\n",
    "export type a = string;\n",
    "export interface a {}\n",
    'export { b as a } from "./b.ts";\n',
    'export type {\n  a,\n} from "./b.ts";\n',
  ];
  for (const text of texts) {
    assert.deepEqual(found(text), { unused: ["src/core/a.ts: a"], testsOnly: [] }, text);
  }
  const other = { "src/core/b.ts": 'import { b } from "./a.ts";\n', "src/a.ts": "a;\n" };
  assert.deepEqual(found("export const a = 1;\n", other).unused, ["src/core/a.ts: a"]);
});

Deno.test("an export counts as used however it is imported", () => {
  const uses = [
    'import { a } from "./core/a.ts";\n',
    'import { type a } from "./core/a.ts";\n',
    'import type {\n  a as b,\n  c,\n} from "./core/a.ts";\n',
    'export { a } from "./core/a.ts";\n',
    'export * from "./core/a.ts";\n',
    'import * as all from "./core/a.ts";\nall.a();\n',
    'import * as all from "./core/a.ts";\nObject.keys(all);\n',
    'const { a } = await import("./core/a.ts");\n',
    'type A = import("./core/a.ts").a;\n',
  ];
  for (const text of uses) {
    assert.deepEqual(found("export const a = 1;\n", { "src/b.ts": text }).unused, [], text);
  }
  const other = { "src/b.ts": 'import * as all from "./core/a.ts";\nall.b();\n' };
  assert.deepEqual(found("export const a = 1;\n", other).unused, ["src/core/a.ts: a"]);
});

Deno.test("a type used by an export of its own file counts as used", () => {
  assert.deepEqual(found("export type A = 1;\nexport interface B {\n  a: A;\n}\n").unused, [
    "src/core/a.ts: B",
  ]);
});

Deno.test("exports imported only by tests are listed separately", () => {
  const test = 'import { a } from "./a.ts";\n';
  const { unused, testsOnly } = found("export const a = 1;\n", { "src/core/a_test.ts": test });
  assert.deepEqual([unused, testsOnly], [[], ["src/core/a.ts: a"]]);
  const support = { "tests/support/b.ts": "export const b = 1;\n" };
  const user = { "tests/e2e/b_test.ts": 'import { b } from "../support/b.ts";\n' };
  assert.deepEqual(found("", { ...support, ...user }).testsOnly, []);
});
