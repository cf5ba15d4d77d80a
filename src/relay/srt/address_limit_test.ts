import assert from "node:assert/strict";
import { toRawAddress } from "../../net/udp/raw_address.ts";
import { SrtCalls } from "./srt_calls.ts";

Deno.test("SRT callers in one /64 share a limit, and those in another have their own", () => {
  const calls = new SrtCalls(10);
  const call = (host: string) => {
    const wanted = { callerSocket: 7, sequence: 1, intent: "play" } as const;
    const conclusion = new Uint8Array(64);
    const bounds = { perAddress: 2, total: 4 };
    const raw = toRawAddress({ host, port: 4711 });
    return calls.add(raw, { ...wanted, conclusion }, { now: 0, bounds });
  };
  const hosts = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::"];
  const [first, second, third] = hosts.map(call);
  assert.equal(third, "address");
  const others = ["2001:db8:1:3::1", "192.0.2.1"].map(call);
  assert.equal(call("192.0.2.2"), "session");
  for (const one of [first, second, ...others]) if (typeof one === "object") calls.remove(one);
  assert.equal(typeof call("2001:db8:1:2::1"), "object");
});
