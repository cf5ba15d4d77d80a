// What the watchdog of systemd hears when lanes fail: signs of life as long as they are replaced, and none
// once one cannot be.

import assert from "node:assert/strict";
import { Faults, FRAGILE_PROGRAM } from "../support/faults.ts";
import { Service } from "../support/service.ts";
import { until } from "../support/wait.ts";

const LANES = 3;
/** Where threads are told apart, and their sockets can be shut from outside. */
const IGNORE = Deno.build.os !== "linux";

/** A service whose watchdog has heard something. */
async function watchedService(faults: Faults, variables: Record<string, string>): Promise<Service> {
  const all = { PROXY_LANES: String(LANES), ...faults.variables, ...variables };
  const service = Service.start({ watchdog: 4_000, program: FRAGILE_PROGRAM, variables: all });
  await service.notice("WATCHDOG");
  return service;
}

Deno.test({
  name: "the watchdog hears of a lane that cannot be replaced, and of a main thread that is stuck",
  ignore: IGNORE,
  timeout: 120_000,
  async fn() {
    const faults = new Faults();
    // Nobody can shut the sockets of a thread that has them from Deno.
    await using service = await watchedService(faults, { PROXY_ENGINE: "deno" });
    await faults.failLane(2, "stall");
    await until("the watchdog", () => service.kills === 1, { timeout: 20_000 });
    await service.notice("WATCHDOG");
    await faults.stallMain();
    await until("the watchdog", () => service.kills === 2, { timeout: 20_000 });
  },
});

Deno.test({
  name: "the watchdog goes on hearing of life when lanes fail and are replaced",
  ignore: IGNORE,
  timeout: 60_000,
  async fn() {
    const faults = new Faults();
    await using service = await watchedService(faults, {});
    for (const fault of ["throw", "stall"] as const) await faults.failLane(1, fault);
    const { length } = service.notices;
    await until("signs of life for three times its patience", () => {
      return service.notices.slice(length).filter(({ WATCHDOG }) => WATCHDOG === "1").length >= 12;
    }, { timeout: 30_000 });
    assert.equal(service.kills, 0);
  },
});
