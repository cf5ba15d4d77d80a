import assert from "node:assert/strict";
import { NameLookup } from "./name_lookup.ts";

Deno.test("a name has the addresses that the system knows, and others have none", async () => {
  const names = new NameLookup();
  const addresses = await names.addressesOf("localhost");
  assert.ok(addresses.length > 0);
  for (const address of addresses) assert.match(address, /^(?:127\.0\.0\.1|::1)$/);
  assert.equal(await names.addressesOf("localhost"), addresses, "remembered");
  assert.deepEqual(await names.addressesOf("a..b"), []);
});
