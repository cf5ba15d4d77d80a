// What an origin receives before the client's first byte.

import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { encodeLocal, encodeProxyHeader } from "./proxy_header.ts";
import { DenoTcpEngine } from "./deno/tcp_engine.ts";
import type { DialOptions } from "./engine.ts";
import type { OriginHeader } from "./naming_engine.ts";
import { originEngine } from "./origin_engine.ts";
import { TlsClient } from "./tls/tls_client.ts";

const V4 = { host: "192.0.2.7", port: 1234 };
const V6 = { host: "2001:db8::7", port: 1234 };

/** Everything an origin received over a connection that was opened and closed. */
async function heard(header: OriginHeader, options: Omit<DialOptions, "timeout">) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname: host, port } = listener.addr;
  using client = new TlsClient();
  const engine = originEngine(new DenoTcpEngine(new VirtualClock()), {
    ...{ header: () => header, client, onFailed: ({ why }) => assert.fail(why) },
  });
  const accepted = listener.accept();
  using connection = await engine.dial({ host, port }, { timeout: 1_000, ...options });
  using peer = await accepted;
  connection.close();
  const bytes = new Uint8Array(await new Response(peer.readable).arrayBuffer());
  return { bytes, address: { host, port }, isShared: !engine.namesClients };
}

Deno.test("a PROXY header of version 2 names the client, or nobody", async () => {
  for (const client of [V4, V6]) {
    for (const protocol of ["rtmp", "http"] as const) {
      const { bytes, address, isShared } = await heard("v2", { client, protocol });
      assert.deepEqual(bytes, encodeProxyHeader(client, address));
      assert.ok(!isShared, "the connection is this client's alone");
    }
  }
  assert.deepEqual((await heard("v2", {})).bytes, encodeLocal());
});

Deno.test("SRS is told the client before the RTMP handshake, for IPv4 only", async () => {
  const { bytes, isShared } = await heard("srs", { client: V4, protocol: "rtmp" });
  assert.deepEqual([...bytes], [0xf3, 0, 4, 192, 0, 2, 7]);
  assert.ok(isShared);
  for (
    const none of [{ client: V6, protocol: "rtmp" }, { client: V4, protocol: "http" }, {}] as const
  ) {
    assert.equal((await heard("srs", none)).bytes.length, 0);
  }
});

Deno.test("without a header nothing is sent", async () => {
  assert.equal((await heard("off", { client: V4, protocol: "rtmp" })).bytes.length, 0);
});
