// The systemd watchdog when lanes fail: it is notified as long as they are replaced, and no longer
// once one cannot be.

import assert from "node:assert/strict";
import { Faults, FRAGILE_PROGRAM } from "../support/faults.ts";
import { Service } from "../support/service.ts";
import { until } from "../support/wait.ts";

const LANES = 3;
/** Threads can be told apart, and their sockets shut down from outside, only on Linux. */
const IGNORE = Deno.build.os !== "linux";

/** A service whose watchdog has been notified. */
async function watchedService(
  faults: Faults,
  { engine, watchdog }: { readonly engine: string; readonly watchdog: number },
): Promise<Service> {
  const variables = { PROXY_LANES: String(LANES), PROXY_ENGINE: engine, ...faults.variables };
  const service = Service.start({ watchdog, program: FRAGILE_PROGRAM, variables });
  await service.notice("WATCHDOG");
  return service;
}

Deno.test({
  name: "the watchdog is not notified when a lane cannot be replaced or the main thread is stuck",
  ignore: IGNORE,
  timeout: 120_000,
  async fn() {
    const faults = new Faults();
    // The sockets of a thread that uses Deno's engine cannot be shut down from outside.
    await using service = await watchedService(faults, { engine: "deno", watchdog: 4_000 });
    await faults.failLane(2, "stall");
    await until("the watchdog", () => service.kills === 1, { timeout: 20_000 });
    await service.notice("WATCHDOG");
    await faults.stallMain();
    await until("the watchdog", () => service.kills === 2, { timeout: 20_000 });
  },
});

Deno.test({
  name: "the watchdog keeps being notified when lanes fail and are replaced",
  ignore: IGNORE,
  timeout: 60_000,
  async fn() {
    const faults = new Faults();
    // Longer than it takes to know that a lane is stuck.
    await using service = await watchedService(faults, { engine: "libc", watchdog: 12_000 });
    const replaced = () => service.process.errorText.split("A lane has been replaced").length - 1;
    for (const [at, fault] of (["throw", "stall"] as const).entries()) {
      await faults.failLane(1 + at, fault);
      await until("the lane be replaced", () => replaced() > at, { timeout: 20_000 });
    }
    const { length } = service.notices;
    await until("signs of life for longer than its patience", () => {
      return service.notices.slice(length).filter(({ WATCHDOG }) => WATCHDOG === "1").length > 3;
    }, { timeout: 30_000 });
    assert.equal(service.kills, 0);
  },
});
