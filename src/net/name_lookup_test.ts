import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { systemClock } from "../core/clock.ts";
import { NameLookup } from "./name_lookup.ts";

Deno.test("a name has the addresses that the system knows, an unknown name has none", async () => {
  const names = new NameLookup(systemClock);
  const addresses = await names.addressesOf("localhost");
  assert.ok(addresses.length > 0);
  for (const address of addresses) assert.match(address, /^(?:127\.0\.0\.1|::1)$/);
  assert.equal(await names.addressesOf("localhost"), addresses, "remembered");
  assert.deepEqual(await names.addressesOf("a..b"), []);
});

Deno.test("an answer holds for seconds, or for minutes if no newer one comes", async () => {
  const clock = new VirtualClock();
  let answer: readonly string[] = ["10.0.0.1"];
  let asked = 0;
  const ask = () => {
    asked++;
    return answer.length > 0 ? Promise.resolve(answer) : Promise.reject(new Error("no such name"));
  };
  const names = new NameLookup(clock, ask);
  const addressesAfter = async (time: number) => {
    await clock.pass(time);
    return await names.addressesOf("srs-1");
  };
  assert.deepEqual(await addressesAfter(0), ["10.0.0.1"]);
  answer = ["10.0.0.2"];
  assert.deepEqual(await addressesAfter(4_000), ["10.0.0.1"]);
  assert.deepEqual(await addressesAfter(1_000), ["10.0.0.2"]);
  assert.equal(asked, 2);
  answer = [];
  assert.deepEqual(await addressesAfter(6_000), ["10.0.0.2"]);
  for (let time = 0; time < 600_000; time += 10_000) await addressesAfter(10_000);
  assert.deepEqual(await addressesAfter(10_000), []);
  answer = ["10.0.0.3"];
  assert.deepEqual(await addressesAfter(1_000), ["10.0.0.3"]);
});

Deno.test("the number of remembered names is bounded, and each is asked for once at a time", async () => {
  let asked = 0;
  const ask = () => Promise.resolve([`10.0.0.${++asked % 250}`]);
  const names = new NameLookup(new VirtualClock(), ask);
  for (let index = 0; index < 3_000; index++) await names.addressesOf(`n${index}`);
  await names.addressesOf("n2999");
  assert.equal(asked, 3_000);
  await names.addressesOf("n0");
  assert.equal(asked, 3_001, "the oldest has made room");
  await Promise.all([names.addressesOf("x"), names.addressesOf("x")]);
  assert.equal(asked, 3_002);
});

Deno.test("a system that does not answer is not waited for long", async () => {
  const clock = new VirtualClock();
  let answer = Promise.resolve<readonly string[]>(["10.0.0.1"]);
  const names = new NameLookup(clock, () => answer);
  assert.deepEqual(await names.addressesOf("srs-1"), ["10.0.0.1"]);
  const { promise: late, resolve } = Promise.withResolvers<readonly string[]>();
  answer = late;
  await clock.pass(5_000);
  const both = Promise.all([names.addressesOf("srs-1"), names.addressesOf("srs-2")]);
  await clock.pass(2_000);
  assert.deepEqual(await both, [["10.0.0.1"], []], "what is known is better than nothing");
  resolve(["10.0.0.2"]);
  assert.deepEqual(await names.addressesOf("srs-1"), ["10.0.0.2"]);
  assert.equal(clock.pending, 0);
});
