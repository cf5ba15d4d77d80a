import assert from "node:assert/strict";
import { systemClock } from "../../core/clock.ts";
import { TcpConnection } from "./tcp_connection.ts";

/** The timer that /proc/net/tcp shows for a socket that will send keep-alive probes. */
const KEEP_ALIVE = "02";

/** The timers of the sockets at `port`, by the port of their peer. */
async function timersAt(port: number): Promise<Map<number, string>> {
  const timers = new Map<number, string>();
  for (const line of (await Deno.readTextFile("/proc/net/tcp")).trim().split("\n").slice(1)) {
    const [, local = "", remote = "", state, , timer = ""] = line.trim().split(/\s+/);
    const [from, to] = [local, remote].map((address) => parseInt(address.split(":")[1]!, 16));
    if (from === port && state === "01") timers.set(to!, timer.split(":")[0]!);
  }
  return timers;
}

Deno.test({
  name: "the system asks a silent peer whether it is there, whoever has opened the connection",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const peer = { host: "127.0.0.1", port };
    const dialled = await Deno.connect({ hostname: "127.0.0.1", port });
    const dialledPort = dialled.localAddr.port;
    const accepted = await listener.accept();
    const plain = await timersAt(port);
    assert.notEqual(plain.get(dialledPort), KEEP_ALIVE, "off unless it is asked for");
    using _dialled = new TcpConnection(dialled, peer, systemClock);
    using _accepted = new TcpConnection(accepted, { ...peer, port: dialledPort }, systemClock);
    assert.equal((await timersAt(port)).get(dialledPort), KEEP_ALIVE);
    assert.equal((await timersAt(dialledPort)).get(port), KEEP_ALIVE);
  },
});
