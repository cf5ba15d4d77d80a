import assert from "node:assert/strict";
import { toRawAddress } from "../../net/udp/raw_address.ts";
import { Cookies } from "./cookies.ts";

const MINUTE = 60_000;
const NOON = 1_800_000_000_000;

function cookiesWith(secret: string): Cookies {
  return new Cookies(new TextEncoder().encode(secret.padEnd(16)));
}

Deno.test("a cookie is valid for its address, in this minute and the next", () => {
  const cookies = cookiesWith("one");
  const mine = toRawAddress({ host: "192.0.2.1", port: 5000 });
  const cookie = cookies.bake(mine, NOON);
  assert.ok(cookies.knows(cookie, mine, NOON));
  assert.ok(cookies.knows(cookie, mine, NOON + MINUTE));
  assert.ok(!cookies.knows(cookie, mine, NOON + 2 * MINUTE), "replayed later");
  assert.ok(!cookies.knows(cookie, mine, NOON - MINUTE), "from the future");
  for (const other of [{ host: "192.0.2.2", port: 5000 }, { host: "192.0.2.1", port: 5001 }]) {
    assert.ok(!cookies.knows(cookie, toRawAddress(other), NOON));
  }
});

Deno.test("proxies with the same secret accept each other's cookies, others do not", () => {
  const mine = toRawAddress({ host: "2001:db8::1", port: 5000 });
  const cookie = cookiesWith("one").bake(mine, NOON);
  assert.ok(cookiesWith("one").knows(cookie, mine, NOON));
  assert.ok(!cookiesWith("two").knows(cookie, mine, NOON));
});
