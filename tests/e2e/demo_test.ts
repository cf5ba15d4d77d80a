// `deno task demo`, as somebody runs it who sees the project for the first time.

import assert from "node:assert/strict";
import { Child } from "../support/child.ts";
import { Viewer } from "../support/ffmpeg.ts";
import { PROJECT_FOLDER } from "../support/project.ts";

const PRINTED_URL = /rtmp:\/\/127\.0\.0\.1:\d+\/live\/(?:pattern|bars)(?= )/g;

/** The processes that `pid` has started and that still run. */
function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const status = readStatus(name);
    if (status.includes(`\nPPid:\t${pid}\n`)) children.push(Number(name));
  }
  return children;
}

function readStatus(pid: number | string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/status`);
  } catch {
    return "";
  }
}

Deno.test({
  name: "the demo shows two pictures, ends on Ctrl-C and leaves no process behind",
  timeout: 120_000,
  async fn() {
    await using demo = new Child({
      command: Deno.execPath(),
      args: ["run", "--quiet", "--allow-all", `${PROJECT_FOLDER}/scripts/demo.ts`],
      cwd: PROJECT_FOLDER,
    });
    const urls = await demo.until("two URLs", () => {
      const printed = demo.outputText.match(PRINTED_URL) ?? [];
      return printed.length === 2 && demo.outputText.includes("Ctrl-C") && printed;
    }, 90_000);
    for (const url of urls) {
      await using viewer = new Viewer(url);
      await viewer.moreVideo(5);
    }
    const children = childrenOf(demo.pid);
    assert.ok(children.length >= 5, `the demo has ${children.length} processes`);
    demo.signal("SIGINT");
    assert.deepEqual(await demo.end(), { code: 0, signal: null }, demo.outputText);
    assert.deepEqual(children.filter((pid) => readStatus(pid) !== ""), []);
  },
});
