// SRT at its limits: thousands of abandoned sessions, too few descriptors, and noise. Earlier
// sessions continue, and resources are released.

import assert from "node:assert/strict";
import { fuzzTest } from "../support/fuzzing.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { OpenSrtOrigin } from "../support/srt_origin.ts";
import { srtConclusion, srtInduction } from "../support/srt_packets.ts";
import { descriptorsOf, megabytesOf, sumOf } from "../support/proxy_figures.ts";
import { callSrt, registerSrt, SRT_ONLY, srtSessions } from "../support/srt_proxy.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";
import { MAX_LATE_LINKS } from "../../src/relay/srt/late_answers.ts";

/** Many times the number of sockets kept for late answers. */
const SESSIONS = 4_000;
const WARM_UP = 3_000;
/** Sessions begun at a time. Deno's sockets, such as the origin's, have room for 92 datagrams. */
const WAVE = 50;
const SHUTDOWN = 5;
/** Descriptors left to the proxy beyond those it has. */
const ROOM = 6;

Deno.test("SRT: thousands of abandoned sessions release everything", async () => {
  await using proxy = await Proxy.open({ ...SRT_ONLY, PROXY_SRT_IDLE_TIMEOUT: "1s" });
  await using origin = new OpenSrtOrigin();
  await registerSrt(proxy, "o", origin.port);
  const begin = async (first: number) => {
    await using callers = new AsyncDisposableStack();
    const calls = Array.from({ length: WAVE }, (_, index) => {
      const caller = callers.use(new UdpPeer(`127.0.${1 + index % 20}.1`));
      return callSrt(proxy, caller, { socketId: first + index + 1, stream: `s${index % 50}` });
    });
    for (const { type } of await Promise.all(calls)) assert.equal(type, -1);
  };
  const run = async (sessions: number) => {
    for (let done = 0; done < sessions; done += WAVE) await begin(done);
    await until("all to end", async () => await sumOf(proxy, "srs_proxy_srt_sessions ") === 0, {
      timeout: 30_000,
    });
  };
  const idle = descriptorsOf(proxy);
  await run(WARM_UP);
  const memory = megabytesOf(proxy);
  await run(SESSIONS);
  // Some sockets of the last ones are kept for a while, for late answers.
  const open = descriptorsOf(proxy);
  assert.ok(open <= idle + MAX_LATE_LINKS + 5, `${open} descriptors after ${idle}`);
  const grown = megabytesOf(proxy) - memory;
  assert.ok(grown < 120, `${grown.toFixed(0)} MiB more memory`);
  assert.ok(origin.accepted >= WARM_UP + SESSIONS);
});

Deno.test("SRT: out of descriptors, callers are told so, streams continue, and no origin is blamed", async () => {
  await using proxy = await Proxy.open(SRT_ONLY);
  await using origin = new OpenSrtOrigin();
  await registerSrt(proxy, "o", origin.port);
  await using first = new UdpPeer();
  const { socketId } = await callSrt(proxy, first, { socketId: 1 });
  const limit = descriptorsOf(proxy) + ROOM;
  const args = ["--pid", String(proxy.process.pid), `--nofile=${limit}:`];
  assert.ok((await new Deno.Command("prlimit", { args }).output()).success);
  await using callers = new AsyncDisposableStack();
  const types: number[] = [];
  for (let count = 0; count < 3 * ROOM; count++) {
    const caller = callers.use(new UdpPeer());
    types.push((await callSrt(proxy, caller, { socketId: 2 + count })).type);
  }
  assert.ok(types.includes(-1), `some found room: ${types}`);
  assert.ok(types.includes(2402), `some did not: ${types}`);
  const before = origin.packets;
  const data = new Uint8Array(1332);
  new DataView(data.buffer).setInt32(12, socketId);
  await first.send(data, proxy.ports.srt);
  await until("the stream go on", () => origin.packets === before + 1);
  const { origins } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins")));
  assert.deepEqual(origins[0].set_aside_for_ms, {});
  assert.ok((await srtSessions(proxy)).length > 1);
});

fuzzTest("SRT: noise is dropped and counted, and disturbs no session", async (next) => {
  await using proxy = await Proxy.open(SRT_ONLY);
  await using origin = new OpenSrtOrigin();
  await registerSrt(proxy, "o", origin.port);
  const { srt } = proxy.ports;
  await using caller = new UdpPeer();
  await using stranger = new UdpPeer();
  const { socketId } = await callSrt(proxy, caller, { socketId: 5 });
  const whole = [
    srtInduction(6),
    srtConclusion({ socketId: 6, cookie: 9, streamId: "live/show" }),
    srtConclusion({ socketId: 6, cookie: 9, streamId: "live/show", destination: socketId }),
  ];
  const noise = () => {
    const packet = next(2) === 0
      ? Uint8Array.from({ length: next(200) }, () => next(256))
      : whole[next(whole.length)]!.slice(0, next(140));
    for (let changes = next(4); changes > 0 && packet.length > 0; changes--) {
      packet[next(packet.length)] = next(256);
    }
    // One packet in some hundred thousand would be a valid shutdown from the caller.
    if (packet[1] === SHUTDOWN) packet[1] = 0;
    return packet;
  };
  const send = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      await (next(2) === 0 ? caller : stranger).send(noise(), srt);
    }
  };
  await send(5_000);
  const memory = megabytesOf(proxy);
  await send(20_000);
  const before = origin.packets;
  const data = new Uint8Array(1332).fill(7, 16);
  new DataView(data.buffer).setInt32(12, socketId);
  await until("the session go on", async () => {
    await caller.send(data, srt);
    return origin.packets > before;
  });
  assert.deepEqual(await srtSessions(proxy), ["__defaultVhost__/live/show"]);
  for (const reason of ["malformed", "unknown_socket"]) {
    await until("the counts", async () => {
      return await sumOf(proxy, `srs_proxy_srt_dropped_total{reason="${reason}"}`) > 1000;
    });
  }
  const grown = megabytesOf(proxy) - memory;
  assert.ok(grown < 40, `${grown.toFixed(0)} MiB more memory`);
  await using late = new UdpPeer();
  assert.equal((await callSrt(proxy, late, { socketId: 99 })).type, -1);
});
