// UDP: CPU per relayed packet of the WebRTC and SRT relays in a lane, compared with a plain relay
// in C and one on Deno's own sockets in the same run, in turns; loss and added latency. Run with
// `deno task bench:udp [seconds] [relay,…]`; needs gcc. Linux only.

import { freePort } from "../support/ports.ts";
import { srtConclusion, srtInduction } from "../support/srt_packets.ts";
import { stunRequest } from "../support/stun_message.ts";
import { AskedProcess } from "./asked_process.ts";
import { median, say } from "./comparing.ts";
import { type Contender, ratioOf, ratioText, takeTurns, type Turn } from "./turns.ts";
import { type UdpFigures, UdpPrograms } from "./udp_load.ts";

const SESSIONS = 100;
const RTC_SIZE = 1200;
const SRT_SIZE = 1316 + 16;
/** For each relay. */
const SECONDS = Number(Deno.args[0] ?? 20);
const BOUNDS: Readonly<Record<number, number>> = { 5_000: 1.2, 40_000: 0.8 };
const RATES = Object.keys(BOUNDS).map(Number);
/**
 * JIT compilation is not part of the cost of a packet, since a lane runs for weeks; after 40,000
 * packets it still took as long as all else in JavaScript.
 */
const WARM_UP = { packetsPerSecond: 10_000, seconds: 20 };
const RTP = 0x80;
const PERMISSIONS = ["--allow-net", "--allow-ffi", "--allow-read", "--allow-env", "--allow-sys"];
const SRT_DATA = 0;
const ALL = ["libc", "rtc", "deno", "libc_srt", "srt"] as const;
type RelayName = typeof ALL[number];
const RELAYS = ALL.filter((name) => (Deno.args[1] ?? name).split(",").includes(name));
const NAMES: Readonly<Record<RelayName, string>> = {
  libc: "plain relay in C",
  rtc: "WebRTC relay",
  deno: "Deno.listenDatagram",
  libc_srt: "plain C, SRT's size",
  srt: "SRT relay",
};

const RATIOS: readonly (readonly [string, RelayName, RelayName])[] = [
  ["WebRTC to plain C", "rtc", "libc"],
  ["SRT to plain C", "srt", "libc_srt"],
];

const names = Array.from({ length: SESSIONS }, (_, index) => `session${index}`);

/**
 * What each client sends first: nothing, a STUN request, or the two packets of an SRT handshake.
 */
function hellosFor(name: RelayName): Uint8Array[] {
  if (name === "rtc") return names.map((one) => stunRequest({ user: `${one}:me`, password: one }));
  if (name !== "srt") return [];
  return names.map((one, index) => {
    const conclusion = srtConclusion({ socketId: index + 1, streamId: `live/${one}` });
    return Uint8Array.from([...srtInduction(index + 1), ...conclusion]);
  });
}

/** Starts a relay and a load for it. */
async function openContender(
  stack: AsyncDisposableStack,
  name: RelayName,
  packetsPerSecond: number,
): Promise<Contender<UdpFigures>> {
  const [originPort, sessions] = [freePort(), SESSIONS];
  const [size, head] = name.endsWith("srt") ? [SRT_SIZE, SRT_DATA] : [RTC_SIZE, RTP];
  const sent = { size, head: name === "libc_srt" ? RTP : head, hellos: hellosFor(name) };
  const load = { ...sent, originPort, sessions, packetsPerSecond, warmUp: WARM_UP };
  const through = async (pid: number, relayPort: number) =>
    await programs.contender(stack, pid, { ...load, relayPort });
  if (name.startsWith("libc")) {
    const relayPort = freePort();
    const { pid } = stack.use(await programs.relay(relayPort, originPort));
    return await through(pid, relayPort);
  }
  const args = [name, originPort];
  const relay = stack.use(new AskedProcess("./udp_relay_process.ts", args, PERMISSIONS));
  const relayPort = Number(await relay.ask(name === "rtc" ? JSON.stringify(names) : ""));
  return await through(relay.pid, relayPort);
}

function show(name: string, turns: readonly Turn<UdpFigures>[]): void {
  const of = (pick: (turn: Turn<UdpFigures>) => number) => median(turns.map(pick));
  const sum = (key: "sent" | "received") => turns.reduce((all, turn) => all + turn[key], 0);
  const costs = turns.map(({ cost }) => cost * 1e6);
  const range = `${Math.min(...costs).toFixed(1)} to ${Math.max(...costs).toFixed(1)}`;
  const loss = `lost ${sum("sent") - sum("received")} of ${sum("sent")}`;
  const latency = `p50 ${of(({ p50 }) => p50)} p99 ${of(({ p99 }) => p99)} ms`;
  say(`  ${name.padEnd(22)} ${median(costs).toFixed(2)} µs/packet (${range}), ${loss}, ${latency}`);
}

await using programs = await UdpPrograms.compile();
say(
  `${SESSIONS} sessions, ${RTC_SIZE} and ${SRT_SIZE} bytes, both directions, ${SECONDS} s for each relay`,
);
for (const rate of RATES) {
  await using stack = new AsyncDisposableStack();
  say(`${rate} packets a second`);
  const contenders: Contender<UdpFigures>[] = [];
  for (const name of RELAYS) contenders.push(await openContender(stack, name, rate));
  const all = await takeTurns(contenders, SECONDS);
  const turns = new Map(RELAYS.map((name, at) => [name, all[at]!]));
  for (const name of RELAYS) show(NAMES[name], turns.get(name)!);
  for (const [title, one, other] of RATIOS) {
    if (!turns.has(one) || !turns.has(other)) continue;
    const ratio = ratioText(ratioOf(turns.get(one)!, turns.get(other)!));
    say(`  ${title} ${ratio} (bound ${BOUNDS[rate]})`);
  }
}
