import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { LocalAddresses } from "./local_addresses.ts";

Deno.test("the addresses of the machine are asked for once a second, and returned in canonical form", async () => {
  const clock = new VirtualClock();
  let asked = 0;
  const addresses = new LocalAddresses(clock, () => {
    asked++;
    return ["127.0.0.1", "FE80::1", "::ffff:10.0.0.1", "none"];
  });
  assert.deepEqual(addresses.all, ["127.0.0.1", "fe80::1", "10.0.0.1"]);
  await clock.pass(999);
  assert.equal(addresses.all.length, 3);
  assert.equal(asked, 1);
  await clock.pass(1);
  assert.equal(addresses.all.length, 3);
  assert.equal(asked, 2);
});

Deno.test("this machine has a loopback address", () => {
  assert.ok(new LocalAddresses({ now: () => 0 }).all.includes("127.0.0.1"));
});
