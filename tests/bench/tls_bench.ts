// TLS: the cost of a byte and of an idle player over RTMPS and HTTPS, compared with nginx in the
// same run. The clients have no TLS of their own: another nginx, which is not measured, adds it.
// Run with `deno task bench:tls [cost|idle] [seconds] [rounds]`; needs gcc and nginx with its
// stream module.

import { Authority } from "../support/certificates.ts";
import { freePort, freePorts } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { letRun, median, say } from "./comparing.ts";
import { NginxRelay } from "./nginx_relay.ts";
import { residentBytes } from "./process_figures.ts";
import { pin } from "./scheduling.ts";
import { type TcpLoadOptions, type TcpMeasurement, TcpPrograms } from "./tcp_load.ts";

const [only, seconds = "4", rounds = "3"] = Deno.args;
const SECONDS = Number(seconds);
const ROUNDS = Number(rounds);
const RELAY_CORE = "0";
const LOAD_CORE = "1";
const IDLE = 2_000;
const SETTLE_MS = 15_000;
const WARM_UP_MS = 3_000;
const BOUND = 1.3;

type Kind = Omit<TcpLoadOptions, "relayPort" | "originPort">;

const LOADS: readonly (readonly [name: string, kind: Kind])[] = [
  ["RTMPS publish, 20 × 6 Mbit/s as ffmpeg sends it", {
    ...{ mode: "publish", count: 20, bytes: 30_000, interval: 40_000 },
    ...{ chunk: 60_000, rate: 200 },
  }],
  ["RTMPS play, 20 × 6 Mbit/s in whole pictures", {
    ...{ mode: "play", count: 20, bytes: 30_000, interval: 40_000, chunk: 60_000, rate: 200 },
  }],
  ["HTTPS-FLV, 40 × 8 Mbit/s in whole pictures", {
    ...{ mode: "flv", count: 40, bytes: 40_000, interval: 40_000, chunk: 60_000, rate: 200 },
  }],
];

/** A measured relay, and how clients reach it. */
interface Target {
  readonly name: string;
  readonly pid: number;
  readonly tunnel: NginxRelay;
}

async function openTarget(
  name: string,
  pid: number,
  ports: readonly [number, number],
): Promise<Target> {
  const tunnel = await NginxRelay.openTunnel(...ports);
  await pin(pid, RELAY_CORE);
  await pin(tunnel.process.pid, LOAD_CORE);
  return { name, pid, tunnel };
}

const originPort = freePort();
await using authority = await Authority.open();
await authority.pair();
const pair = {
  certificate: authority.folder.file("pair1.pem"),
  key: authority.folder.file("pair1.key"),
};
await using programs = await TcpPrograms.compile();
if (only !== "idle") await costs();
if (only !== "cost") await idleMemory();

/** Starts both anew, because memory freed by earlier clients would make later ones look free. */
async function openTargets(stack: AsyncDisposableStack): Promise<readonly Target[]> {
  const [rtmps, https] = freePorts(2) as [number, number];
  const proxy = stack.use(
    await Proxy.open({
      ...{ PROXY_LANES: "1", PROXY_ORIGIN_SERVER_TTL: "1h" },
      PROXY_RTMPS_SERVER: `127.0.0.1:${rtmps}`,
      PROXY_HTTPS_SERVER: `127.0.0.1:${https}`,
      ...{ PROXY_TLS_CERT: pair.certificate, PROXY_TLS_KEY: pair.key },
    }),
  );
  const origin = { name: "bench", rtmpPort: originPort, httpPort: originPort };
  await sendHeartbeat(proxy, heartbeatOf(origin, "bench"));
  const nginx = stack.use(await NginxRelay.open(originPort, pair));
  const targets = [
    await openTarget("srs-proxy", proxy.process.pid, [rtmps, https]),
    await openTarget("nginx", nginx.process.pid, [nginx.streamPort, nginx.httpPort]),
  ];
  for (const { tunnel } of targets) stack.use(tunnel);
  return targets;
}

function optionsFor({ tunnel }: Target, kind: Kind): TcpLoadOptions {
  const { streamPort, httpPort } = tunnel;
  return { ...kind, relayPort: kind.mode.includes("flv") ? httpPort : streamPort, originPort };
}

/** Compilers at run time are to have done their work: a lane runs for weeks. */
async function warmUp(target: Target, mode: "publish" | "flv"): Promise<void> {
  const kind = { mode, count: 8, bytes: 4_000, interval: 0, chunk: 60_000, rate: 200 };
  await using load = programs.load(optionsFor(target, kind), LOAD_CORE);
  await load.opened();
  await letRun(WARM_UP_MS);
}

async function costs(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const targets = await openTargets(stack);
  for (const target of targets) {
    for (const mode of ["publish", "flv"] as const) await warmUp(target, mode);
  }
  for (const [name, kind] of LOADS) {
    const figures = targets.map((): TcpMeasurement[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, target] of targets.entries()) {
        const measured = { seconds: SECONDS, core: LOAD_CORE };
        figures[at]!.push(
          await programs.measure(target.pid, optionsFor(target, kind), measured),
        );
      }
    }
    const [ours, theirs] = figures.map((all) => median(all.map(({ cost }) => cost)));
    say(
      `${name}: ${ours!.toFixed(2)} s/GB, nginx ${theirs!.toFixed(2)}: ` +
        `${(ours! / theirs!).toFixed(2)} (bound ${BOUND})`,
    );
  }
}

async function idleMemory(): Promise<void> {
  for (const mode of ["idle_play", "idle_flv"] as const) {
    await using stack = new AsyncDisposableStack();
    for (const target of await openTargets(stack)) {
      const kind = { mode, count: IDLE, bytes: 100, interval: 0, chunk: 60_000, rate: 200 };
      const before = residentBytes(target.pid);
      await using load = programs.load(optionsFor(target, kind));
      await load.opened();
      await load.start();
      await letRun(2 * SETTLE_MS);
      const each = (residentBytes(target.pid) - before) / IDLE / 1_000;
      await load.stop();
      say(`${mode} over TLS, ${target.name}: ${each.toFixed(1)} KB a player (bound 60)`);
    }
  }
}
