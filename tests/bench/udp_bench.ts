// UDP: CPU per relayed packet of the WebRTC relay and of its engine alone, beside a plain relay in C
// and one on Deno's own sockets, in the same run; loss and added latency. Run with
// `deno task bench:udp`; needs gcc. Linux only.

import { freePort } from "../support/ports.ts";
import { stunRequest } from "../support/stun_message.ts";
import { AskedProcess } from "./asked_process.ts";
import { median, say } from "./comparing.ts";
import { type UdpFigures, UdpPrograms } from "./udp_load.ts";

const SESSIONS = 100;
const SIZE = 1200;
const SECONDS = Number(Deno.args[0] ?? 6);
const ROUNDS = Number(Deno.args[1] ?? 3);
const RATES = [5_000, 40_000];
const RTP = 0x80;
const PERMISSIONS = ["--allow-net", "--allow-ffi", "--allow-read", "--allow-env", "--allow-sys"];
const RELAYS = ["libc", "engine", "rtc", "deno"] as const;
type RelayName = typeof RELAYS[number];
const NAMES: Readonly<Record<RelayName, string>> = {
  libc: "plain relay in C",
  engine: "engine, trivial relay",
  rtc: "WebRTC relay",
  deno: "Deno.listenDatagram",
};

const names = Array.from({ length: SESSIONS }, (_, index) => `session${index}`);

/** Starts a relay, sends a load through it, ends it. */
async function round(
  programs: UdpPrograms,
  name: RelayName,
  packetsPerSecond: number,
): Promise<UdpFigures> {
  const originPort = freePort();
  const hellos = name === "rtc"
    ? names.map((one) => stunRequest({ user: `${one}:me`, password: one }))
    : [];
  const load = { originPort, sessions: SESSIONS, packetsPerSecond, seconds: SECONDS, size: SIZE };
  if (name === "libc") {
    const relayPort = freePort();
    await using relay = await programs.relay(relayPort, originPort);
    return await programs.measure(relay.pid, { ...load, relayPort, hellos, head: RTP });
  }
  await using relay = new AskedProcess("./udp_relay_process.ts", [name, originPort], PERMISSIONS);
  const relayPort = Number(await relay.ask(name === "rtc" ? JSON.stringify(names) : ""));
  return await programs.measure(relay.pid, { ...load, relayPort, hellos, head: RTP });
}

function show(name: string, all: readonly UdpFigures[]): number {
  const cost = median(all.map((figures) => figures.cost));
  const of = (pick: (figures: UdpFigures) => number) => median(all.map(pick));
  const lost = of(({ sent, received }) => sent - received);
  const loss = `lost ${lost} of ${all[0]!.sent}`;
  const latency = `p50 ${of(({ p50 }) => p50)} p99 ${of(({ p99 }) => p99)} ms`;
  const core = `${(of(({ core }) => core) * 100).toFixed(0)} % of a core`;
  say(`  ${name.padEnd(22)} ${cost.toFixed(2)} µs/packet, ${core}, ${loss}, ${latency}`);
  return cost;
}

await using programs = await UdpPrograms.compile();
say(`${SESSIONS} sessions, ${SIZE} bytes, both directions, ${ROUNDS} rounds of ${SECONDS} s each`);
for (const rate of RATES) {
  say(`${rate} packets a second`);
  const figures = new Map<RelayName, UdpFigures[]>(RELAYS.map((name) => [name, []]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of RELAYS) figures.get(name)!.push(await round(programs, name, rate));
  }
  const costs = new Map(RELAYS.map((name) => [name, show(NAMES[name], figures.get(name)!)]));
  const ratio = (one: RelayName, other: RelayName) =>
    (costs.get(one)! / costs.get(other)!).toFixed(2);
  say(`  WebRTC to plain C ${ratio("rtc", "libc")} (bound 1.30), to Deno ${ratio("rtc", "deno")}`);
}
