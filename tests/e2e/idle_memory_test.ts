// Thousands of players of streams that have nothing to send: each takes little memory. The bench has exact
// figures, on a machine with nothing else to do.

import { type TcpLoadOptions, TcpPrograms } from "../bench/tcp_load.ts";
import { freePort } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { megabytesOf } from "../support/proxy_figures.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";

const PLAYERS = 4_000;
/** Kilobytes. The bench's bound is 12, for 5,000 who share what a lane takes once. */
const MOST = 16;

for (const mode of ["idle_play", "idle_flv"] as const) {
  Deno.test({
    name: `an ${mode === "idle_play" ? "RTMP" : "HTTP-FLV"} player that waits takes little memory`,
    ignore: Deno.build.os !== "linux",
    timeout: 90_000,
    async fn() {
      await using programs = await TcpPrograms.compile();
      const originPort = freePort();
      await using proxy = await Proxy.open({
        PROXY_LANES: "1",
        PROXY_MAX_CONNECTIONS_PER_ADDRESS: "20000",
      });
      const origin = { name: "o", rtmpPort: originPort, httpPort: originPort };
      await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
      const { rtmp, httpServer } = proxy.ports;
      const relayPort = mode === "idle_play" ? rtmp : httpServer;
      const load = (count: number): TcpLoadOptions => {
        return {
          mode,
          count,
          relayPort,
          originPort,
          bytes: 100,
          interval: 0,
          chunk: 60_000,
          rate: 500,
        };
      };
      {
        // What a first crowd leaves behind must not count.
        await using first = programs.load(load(200));
        await first.opened();
      }
      const before = megabytesOf(proxy);
      await using crowd = programs.load(load(PLAYERS));
      await crowd.opened();
      const each = () => (megabytesOf(proxy) - before) * 1_048.576 / PLAYERS;
      // Until V8 has collected what their coming has left.
      await until("each take little", () => each() < MOST, {
        ...{ timeout: 40_000, interval: 500 },
        describe: () => `${each().toFixed(1)} KB`,
      });
    },
  });
}
