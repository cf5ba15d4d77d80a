import assert from "node:assert/strict";
import { Surroundings } from "../../../tests/support/relay_world.ts";
import { StreamHold } from "./stream_hold.ts";

const STREAM = "__defaultVhost__/live/cam";

for (const protocol of ["rtc", "api"] as const) {
  Deno.test(`a publisher's stream is live at an origin that registers ${protocol} only`, async () => {
    const around = await Surroundings.open();
    await using _stack = around.stack;
    await around.register("o", { [protocol]: [{ host: "127.0.0.1", port: 1985 }] });
    const { registry: resolver } = around;
    const parts = {
      resolver,
      session: "s",
      stream: STREAM,
      intent: "publish",
      origin: "o",
    } as const;
    const hold = new StreamHold(parts);
    assert.equal(await hold.take(), true);
    assert.deepEqual((await resolver.owner(STREAM))?.live, true);
    hold.release();
    assert.deepEqual((await resolver.owner(STREAM))?.live, false);
  });
}
