import assert from "node:assert/strict";
import { pause, until } from "../../../tests/support/wait.ts";
import { ThreadLife } from "./thread_life.ts";

const WORKER = `
  import { ThreadLife } from ${JSON.stringify(import.meta.resolve("./thread_life.ts"))};
  using life = ThreadLife.open();
  postMessage(life.current);
`;

Deno.test({
  name: "a thread runs until it has ended",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using life = ThreadLife.open()!;
    assert.equal(life.runs(life.current!), true);
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    const thread = await new Promise<number>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
    assert.notEqual(thread, life.current);
    assert.equal(life.runs(thread), true);
    worker.terminate();
    await until("it be no more", () => !life.runs(thread));
    URL.revokeObjectURL(url);
  },
});

Deno.test({
  name: "the time that a thread has used grows while it works, and not while it waits",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using life = ThreadLife.open()!;
    const before = life.cpuTime;
    assert.ok(before > 0);
    const start = performance.now();
    while (performance.now() - start < 50);
    const worked = life.cpuTime;
    assert.ok(worked > before && worked - before < 0.2, `${worked - before} s`);
    await pause(200);
    assert.ok(life.cpuTime - worked < 0.15, `${life.cpuTime - worked} s`);
  },
});
