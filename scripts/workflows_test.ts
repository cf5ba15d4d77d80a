import assert from "node:assert/strict";
import configuration from "../deno.json" with { type: "json" };
import { TARGETS } from "./compile.ts";

const ROOT = new URL("../", import.meta.url);
const FOLDER = new URL(".github/workflows/", ROOT);
const README = await Deno.readTextFile(new URL("README.md", ROOT));
const [, DENO] = /npx -y deno@([\d.]+) task start/.exec(README)!;

for (const { name } of Deno.readDirSync(FOLDER)) {
  Deno.test(`${name} uses the README's Deno, existing tasks and pinned actions`, async () => {
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    const versions = [...text.matchAll(/deno@(\S+)/g)].map(([, version]) => version);
    assert.ok(versions.length > 0);
    for (const version of versions) assert.equal(version, DENO);
    for (const [, task] of text.matchAll(/ task (\S+)/g)) {
      assert.ok(Object.hasOwn(configuration.tasks, task!), task);
    }
    for (const [, script] of text.matchAll(/(scripts\/[\w@.-]+)/g)) {
      assert.ok((await Deno.stat(new URL(script!, ROOT))).isFile, script);
    }
    for (const [, used] of text.matchAll(/uses: (\S+)/g)) {
      if (used!.startsWith("./")) assert.ok((await Deno.stat(new URL(used!, ROOT))).isFile, used);
      else assert.match(used!, /^actions\/[\w-]+@v\d+\.\d+\.\d+$/);
    }
    for (const [, image] of text.matchAll(/image: (\S+)/g)) {
      assert.match(image!, /^node:\d+\.\d+\.\d+-bookworm$/);
    }
    const jobs = text.split("\njobs:\n")[1]!.split(/\n(?= {2}\w)/);
    const names = jobs.map((job) => /^ *(\w+):/.exec(job)![1]!);
    for (const job of jobs) {
      const [, needs = ""] = /^ {4}needs: \[?([\w, ]+)/m.exec(job) ?? [];
      for (const name of needs.split(", ").filter(Boolean)) assert.ok(names.includes(name), name);
      assert.match(job, /^ {4}(timeout-minutes|uses): /m, "every job has a timeout");
    }
    assert.doesNotMatch(text, /\t/);
  });
}

Deno.test("a release has a file for every target", async () => {
  const text = await Deno.readTextFile(new URL("release.yml", FOLDER));
  const [, list = ""] = /target: \[(.*)\]/.exec(text)!;
  assert.deepEqual(list.split(", ").toSorted(), Object.keys(TARGETS).toSorted());
});
