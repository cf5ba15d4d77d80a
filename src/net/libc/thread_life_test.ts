import assert from "node:assert/strict";
import { until } from "../../../tests/support/wait.ts";
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
