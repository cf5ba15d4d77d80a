// `deno task demo`, as a newcomer to the project runs it.

import assert from "node:assert/strict";
import { Child } from "../support/child.ts";
import { Viewer } from "../support/ffmpeg.ts";
import { PROJECT_FOLDER } from "../support/project.ts";

const PRINTED_URL = /rtmp:\/\/127\.0\.0\.1:\d+\/live\/(?:pattern|bars)(?= )/g;
const PRINTED_PAGE =
  /^ {2}(?<name>[A-Z-]+): (?<root>http:\/\/127\.0\.0\.1:\d+\/)\?format=(?<format>\w+)#(?<stream>\S+) /gm;

/** The running child processes of `pid`. */
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

/**
 * Checks that every page that the demo names plays a stream, and that other formats are reported as
 * missing.
 */
async function assertPages(output: string): Promise<void> {
  const pages = Array.from(output.matchAll(PRINTED_PAGE), ({ groups }) => groups!);
  assert.ok(pages.length >= 2, output);
  for (const { name, root, format, stream } of pages) {
    const url = `${root}${stream}.${format === "hls" ? "m3u8" : format}`;
    const response = await fetch(url);
    await response.body?.cancel();
    assert.equal(response.status, 200, url);
    assert.ok(name !== undefined && ["HTTP-FLV", "HTTP-TS", "HLS"].includes(name));
  }
  const lacking = Array.from(
    output.matchAll(/^ {2}not in (.*): its origin/gm),
    ([, list]) => list!,
  );
  assert.equal(lacking.length, 2, output);
  const told = pages.length + lacking.flatMap((list) => list.split(", ")).length;
  assert.equal(told, 2 * 5, "each of the five formats of each stream is listed once");
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
    await assertPages(demo.outputText);
    const children = childrenOf(demo.pid);
    assert.ok(children.length >= 5, `the demo has ${children.length} processes`);
    demo.signal("SIGINT");
    assert.deepEqual(await demo.end(), { code: 0, signal: null }, demo.outputText);
    assert.deepEqual(children.filter((pid) => readStatus(pid) !== ""), []);
  },
});
