// UDP: CPU per relayed packet of the WebRTC and SRT relays in a lane, compared with a plain relay
// in C and one on Deno's own sockets in the same run; loss and added latency. Run with `deno task
// bench:udp [seconds] [rounds] [relay,…]`; needs gcc. Linux only.

import { freePort } from "../support/ports.ts";
import { srtConclusion, srtInduction } from "../support/srt_packets.ts";
import { stunRequest } from "../support/stun_message.ts";
import { AskedProcess } from "./asked_process.ts";
import { median, say } from "./comparing.ts";
import { type UdpFigures, UdpPrograms } from "./udp_load.ts";

const SESSIONS = 100;
const RTC_SIZE = 1200;
const SRT_SIZE = 1316 + 16;
const SECONDS = Number(Deno.args[0] ?? 6);
const ROUNDS = Number(Deno.args[1] ?? 3);
const BOUNDS: Readonly<Record<number, number>> = { 5_000: 1.2, 40_000: 0.8 };
const RATES = Object.keys(BOUNDS).map(Number);
/**
 * JIT compilation is not part of the cost of a packet; after 40,000 packets it still took as long as
 * all else in JavaScript.
 */
const WARM_UP = { packetsPerSecond: 10_000, seconds: 8 };
const RTP = 0x80;
const PERMISSIONS = ["--allow-net", "--allow-ffi", "--allow-read", "--allow-env", "--allow-sys"];
const SRT_DATA = 0;
const ALL = ["libc", "rtc", "deno", "libc_srt", "srt"] as const;
type RelayName = typeof ALL[number];
const RELAYS = ALL.filter((name) => (Deno.args[2] ?? name).split(",").includes(name));
const NAMES: Readonly<Record<RelayName, string>> = {
  libc: "plain relay in C",
  rtc: "WebRTC relay",
  deno: "Deno.listenDatagram",
  libc_srt: "plain C, SRT's size",
  srt: "SRT relay",
};

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

/** Starts a relay, sends a load through it and ends it. */
async function round(
  programs: UdpPrograms,
  name: RelayName,
  packetsPerSecond: number,
): Promise<UdpFigures> {
  const [originPort, sessions, seconds] = [freePort(), SESSIONS, SECONDS];
  const [size, head] = name.endsWith("srt") ? [SRT_SIZE, SRT_DATA] : [RTC_SIZE, RTP];
  const sent = { size, head: name === "libc_srt" ? RTP : head, hellos: hellosFor(name) };
  const load = { ...sent, originPort, sessions, packetsPerSecond, seconds };
  const measure = async (pid: number, relayPort: number) => {
    await programs.measure(pid, { ...load, ...WARM_UP, relayPort });
    return await programs.measure(pid, { ...load, relayPort });
  };
  if (name.startsWith("libc")) {
    const relayPort = freePort();
    await using relay = await programs.relay(relayPort, originPort);
    return await measure(relay.pid, relayPort);
  }
  await using relay = new AskedProcess("./udp_relay_process.ts", [name, originPort], PERMISSIONS);
  const relayPort = Number(await relay.ask(name === "rtc" ? JSON.stringify(names) : ""));
  return await measure(relay.pid, relayPort);
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
say(
  `${SESSIONS} sessions, ${RTC_SIZE} and ${SRT_SIZE} bytes, both directions, ${ROUNDS} rounds of ${SECONDS} s each`,
);
for (const rate of RATES) {
  say(`${rate} packets a second`);
  const figures = new Map<RelayName, UdpFigures[]>(RELAYS.map((name) => [name, []]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of RELAYS) figures.get(name)!.push(await round(programs, name, rate));
  }
  const costs = new Map(RELAYS.map((name) => [name, show(NAMES[name], figures.get(name)!)]));
  const ratio = (one: RelayName, other: RelayName) =>
    ((costs.get(one) ?? NaN) / (costs.get(other) ?? NaN)).toFixed(2);
  say(
    `  WebRTC to plain C ${ratio("rtc", "libc")} (bound ${BOUNDS[rate]}), to Deno ${
      ratio("rtc", "deno")
    }`,
  );
  say(`  SRT to plain C ${ratio("srt", "libc_srt")} (bound ${BOUNDS[rate]})`);
}
