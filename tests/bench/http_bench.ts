// HTTP: CPU per relayed gigabyte, compared with Deno's own uncounted path in the same run, memory
// per viewer with many of them, and memory with viewers that stop reading. Prints a table; run with
// `deno task bench http`. Linux only.

import { freePort } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";
import { AskedProcess } from "./asked_process.ts";
import { compare, costOf, letRun, type Relay, ROUNDS_TEXT, say } from "./comparing.ts";
import type { OriginFigures } from "./http_origin_process.ts";
import type { ViewerFigures, ViewerOrder } from "./http_viewers.ts";
import { cpuSeconds, residentBytes } from "./process_figures.ts";

const VIEWERS = 40;
/** 8 Mbit/s as whole frames, and as sent by an origin that does not collect them. */
const PIECES = [{ bytes: 40_000, interval: 40 }, { bytes: 5_000, interval: 5 }];
const MANY_VIEWERS = 2000;
/** 200 kbit/s. */
const MANY = { bytes: 5_000, interval: 200 };
const HOLD_MS = 20_000;
const SLOW_READERS = 1000;
const FIRST_VIEWERS = 100;
const SETTLE_MS = 5000;

class Viewers implements AsyncDisposable {
  readonly #process = new AskedProcess("./http_viewers.ts");

  async order(order: ViewerOrder): Promise<ViewerFigures> {
    return JSON.parse(await this.#process.ask(JSON.stringify(order)));
  }

  async received(): Promise<number> {
    return (await this.order({ do: "report" })).received;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

class Origin implements AsyncDisposable {
  readonly #process = new AskedProcess("./http_origin_process.ts");

  port(): Promise<number> {
    return this.#process.ask("port").then(Number);
  }

  async figures(): Promise<OriginFigures> {
    return JSON.parse(await this.#process.ask());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** The path of a stream at the origin; the crowd replaces the star with a number. */
function pathOf({ bytes, interval }: { bytes: number; interval: number }, name: string): string {
  return `/${bytes}-${interval}/${name}-*.flv`;
}

/** The bytes that the proxy has counted as sent. */
async function countedBytes(proxy: Proxy): Promise<number> {
  const text = await (await fetch(proxy.systemUrl("/metrics"))).text();
  return Number(/^srs_proxy_http_relay_bytes_total\{kind="live"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

async function relayedCost(relays: readonly [Relay, Relay], proxy: Proxy): Promise<void> {
  await using viewers = new Viewers();
  for (const piece of PIECES) {
    const title = `${VIEWERS} viewers, ${piece.bytes / 1000} KB every ${piece.interval} ms`;
    await compare(title, relays, async (relay) => {
      const { port, name } = relay;
      await viewers.order({ do: "open", count: VIEWERS, port, path: pathOf(piece, name) });
      const cost = await costOf(relay, () => viewers.received());
      await viewers.order({ do: "close" });
      return cost;
    });
  }
  say(`counted by srs-proxy: ${(await countedBytes(proxy) / 1e9).toFixed(2)} GB`);
}

async function manyViewers(proxy: Proxy): Promise<void> {
  await using viewers = new Viewers();
  const port = proxy.ports.httpServer;
  const { pid } = proxy.process;
  const open = (count: number, name: string) =>
    viewers.order({ do: "open", count, port, path: pathOf(MANY, name) });
  await open(FIRST_VIEWERS, "first");
  await letRun(SETTLE_MS);
  const before = residentBytes(pid);
  await open(MANY_VIEWERS, "many");
  await letRun(SETTLE_MS);
  await viewers.order({ do: "report" });
  const cpu = cpuSeconds(pid);
  await letRun(HOLD_MS);
  const { open: left, least } = await viewers.order({ do: "report" });
  const share = (cpuSeconds(pid) - cpu) / (HOLD_MS / 1000);
  const each = (residentBytes(pid) - before) / MANY_VIEWERS / 1000;
  const rate = least / (HOLD_MS / MANY.interval * MANY.bytes);
  say(
    `${left - FIRST_VIEWERS} of ${MANY_VIEWERS} viewers at 200 kbit/s hold, the slowest at ` +
      `${(rate * 100).toFixed(0)} %, ${(share * 100).toFixed(0)} % of a core, ` +
      `${each.toFixed(1)} KB resident each (bound 100)`,
  );
}

async function slowReaders(proxy: Proxy, origin: Origin): Promise<void> {
  await using viewers = new Viewers();
  const port = proxy.ports.httpServer;
  const { pid } = proxy.process;
  const path = pathOf({ bytes: 65_536, interval: 0 }, "slow");
  await letRun(SETTLE_MS);
  const before = residentBytes(pid);
  const begun = (await origin.figures()).written;
  await viewers.order({ do: "stall", count: SLOW_READERS, port, path });
  let written = begun;
  await until("the origin held up", async () => {
    const last = written;
    written = (await origin.figures()).written;
    return written === last;
  }, { timeout: 120_000, interval: 2000 });
  const stalled = residentBytes(pid);
  const cpu = cpuSeconds(pid);
  await letRun(HOLD_MS);
  const [later, figures] = [residentBytes(pid), await origin.figures()];
  const perReader = (bytes: number) => `${(bytes / SLOW_READERS / 1000).toFixed(1)} KB`;
  say(
    `${figures.connections} of ${SLOW_READERS} slow readers held, ${
      perReader(stalled - before)
    } resident each (bound 100); ` +
      `in the ${HOLD_MS / 1000} s after that ${perReader(later - stalled)} more, ` +
      `${perReader(figures.written - written)} read of the origin, ` +
      `${(cpuSeconds(pid) - cpu).toFixed(2)} s of CPU; ` +
      `before, the origin got rid of ${perReader(written - begun)} each`,
  );
}

await using origin = new Origin();
const originPort = await origin.port();
await using proxy = await Proxy.open({
  PROXY_ORIGIN_SERVER_TTL: "1h",
  PROXY_STALL_TIMEOUT: "10m",
});
const registered = { name: "bench", rtmpPort: originPort, httpPort: originPort };
await sendHeartbeat(proxy, heartbeatOf(registered, "bench"));
const nativePort = freePort();
await using native = new AskedProcess("./native_http_relay.ts", [nativePort, originPort]);
await native.ask();
const relays = [
  { name: "srs-proxy", port: proxy.ports.httpServer, pid: proxy.process.pid },
  { name: "native-path", port: nativePort, pid: native.pid },
] as const;
say(`FLV over HTTP at 8 Mbit/s, ${ROUNDS_TEXT}`);
const only = Deno.args[0];
if (!only || only === "cost") await relayedCost(relays, proxy);
if (!only || only === "many") await manyViewers(proxy);
if (!only || only === "slow") await slowReaders(proxy, origin);
