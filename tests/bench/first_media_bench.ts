// Time from connect to first media with 50 new streams a second, alternately through the proxy and
// at the origin: medians, 99th percentiles, and what the proxy adds. Run with `deno task
// bench:first`.

import { Proxy } from "../support/proxy.ts";

import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { AskedProcess } from "./asked_process.ts";
import { letRun, say } from "./comparing.ts";
import { IdlePlayer } from "./rtmp_player.ts";

const A_SECOND = 50;
const SECONDS = 5;
const ROUNDS = 3;

/** The time of each player in milliseconds, in order. */
async function playersCome(port: number, stream: (at: number) => string): Promise<number[]> {
  const times: number[] = [];
  const plays = async (at: number) => {
    const begun = performance.now();
    using _player = await IdlePlayer.open(port, stream(at), { untilMedia: true });
    times.push(performance.now() - begun);
  };
  const all: Promise<void>[] = [];
  for (let at = 0; at < A_SECOND * SECONDS; at++) {
    all.push(plays(at));
    await letRun(1_000 / A_SECOND);
  }
  await Promise.all(all);
  return times.toSorted((one, other) => one - other);
}

await using origin = new AskedProcess("./first_media_origin.ts");
const originPort = Number(await origin.ask("port"));
await using proxy = await Proxy.open({ PROXY_ORIGIN_SERVER_TTL: "1h" });
await sendHeartbeat(proxy, heartbeatOf({ name: "bench", rtmpPort: originPort }, "1"));
const ways = [
  ["origin itself", originPort, (at: number) => `o${at}`],
  ["new streams", proxy.ports.rtmp, (at: number) => `${crypto.randomUUID()}-${at}`],
  ["a known stream", proxy.ports.rtmp, () => "known"],
] as const;
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, port, stream] of ways) {
    const times = await playersCome(port, stream);
    const at = (part: number) => times[Math.floor(times.length * part)]!.toFixed(2);
    if (round > 0) say(`${name.padEnd(15)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  }
}
