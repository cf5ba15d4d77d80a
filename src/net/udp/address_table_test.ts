import assert from "node:assert/strict";
import { AddressTable } from "./address_table.ts";
import { fromRawAddress, isIpv4, toRawAddress } from "./raw_address.ts";

Deno.test("raw addresses hold both families and come back as text", () => {
  for (const host of ["127.0.0.1", "255.1.2.3", "::1", "2001:db8::7"]) {
    const raw = toRawAddress({ host, port: 0xfedc });
    assert.deepEqual(fromRawAddress(raw), { host, port: 0xfedc });
    assert.equal(isIpv4(raw), !host.includes(":"));
  }
  assert.throws(() => toRawAddress({ host: "localhost", port: 1 }));
});

Deno.test("an address table behaves like a Map, whatever is added and removed", () => {
  const table = new AddressTable(500);
  const model = new Map<string, number>();
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let step = 0; step < 50_000; step++) {
    const address = { host: `10.0.${random(4)}.${random(8)}`, port: 1 + random(16) };
    const extra = random(3) - 1;
    const raw = toRawAddress(address);
    const key = `${address.host}:${address.port}:${extra}`;
    const kind = random(3);
    if (kind === 0) assert.equal(table.get(raw, extra), model.get(key) ?? -1);
    if (kind === 1 && (model.has(key) || model.size < 500)) {
      assert.equal(table.set(raw, step, extra), true);
      model.set(key, step);
    }
    if (kind === 2) assert.equal(table.delete(raw, extra), model.delete(key));
    assert.equal(table.size, model.size);
  }
});

Deno.test("a full address table takes no new entry and keeps the old ones", () => {
  const table = new AddressTable(2);
  const [one, two, three] = [1, 2, 3].map((port) => toRawAddress({ host: "::1", port }));
  assert.ok(table.set(one!, 1) && table.set(two!, 2));
  assert.equal(table.set(three!, 3), false);
  assert.equal(table.set(two!, 4), true);
  assert.deepEqual([one, two, three].map((raw) => table.get(raw!)), [1, 4, -1]);
});
