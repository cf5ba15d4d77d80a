import assert from "node:assert/strict";
import { version, versionNumbers } from "./version.ts";

Deno.test("the version is that of deno.json, also as numbers", async () => {
  const path = new URL("../../deno.json", import.meta.url);
  const written = JSON.parse(await Deno.readTextFile(path)).version;
  assert.equal(version, written);
  const { major, minor, revision } = versionNumbers;
  assert.deepEqual(versionNumbers, { major, minor, revision, version: written });
  assert.ok(written.startsWith(`${major}.${minor}.${revision}`));
});
