import assert from "node:assert/strict";
import { toRawAddress } from "../../net/udp/raw_address.ts";
import { SrtCalls } from "./srt_calls.ts";

Deno.test("SRT callers of one /64 count together, those of another apart", () => {
  const calls = new SrtCalls(10);
  const call = (host: string) => {
    const wanted = { callerSocket: 7, sequence: 1, intent: "play" } as const;
    const conclusion = new Uint8Array(64);
    return calls.add(toRawAddress({ host, port: 4711 }), { ...wanted, conclusion }, 0);
  };
  const added = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1", "192.0.2.1"].map(call);
  const counted = ["2001:db8:1:2:ffff::", "2001:db8:1:3::9", "192.0.2.1", "192.0.2.2"]
    .map((host) => calls.countOf({ host, port: 1 }));
  assert.deepEqual(counted, [2, 1, 1, 0]);
  for (const one of added) calls.remove(one);
  assert.equal(calls.countOf({ host: "2001:db8:1:2::1", port: 1 }), 0);
});
