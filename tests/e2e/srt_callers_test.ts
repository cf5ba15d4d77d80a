// SRT callers and origins that the test controls packet by packet: refused callers, sessions that
// must not be mixed up, and how they end.

import assert from "node:assert/strict";
import { Proxy } from "../support/proxy.ts";
import { registerSrt, SRT_ONLY, srtSessions } from "../support/srt_proxy.ts";
import { srtConclusion, srtHandshake, srtInduction } from "../support/srt_packets.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";
import { parseHandshake } from "../../src/protocol/srt/handshake.ts";
import { encodeShutdown } from "../../src/protocol/srt/packet.ts";

/** Accepts one caller at an origin of this test. @returns the port from which the origin sees it */
async function letIn(
  { proxy, origin, caller, socketId, originSocket }: {
    readonly proxy: Proxy;
    readonly origin: UdpPeer;
    readonly caller: UdpPeer;
    readonly socketId: number;
    readonly originSocket: number;
  },
): Promise<number> {
  const { srt } = proxy.ports;
  await caller.send(srtInduction(socketId), srt);
  const cookie = cookieOf((await caller.next()).bytes);
  await caller.send(srtConclusion({ socketId, cookie, streamId: "live/x" }), srt);
  const { port } = await origin.next();
  const destination = socketId;
  await origin.send(
    srtHandshake({ type: 1, extensionField: 0x4a17, socketId: 1, cookie: 9, destination }),
    port,
  );
  let conclusion = await origin.next();
  while (parseHandshake(Uint8Array.from(conclusion.bytes)).type !== -1) {
    conclusion = await origin.next();
  }
  await origin.send(
    srtHandshake({ type: -1, extensionField: 1, socketId: originSocket, destination }),
    port,
  );
  assert.equal(parseHandshake(Uint8Array.from((await caller.next()).bytes)).type, -1);
  return port;
}

function cookieOf(answer: readonly number[]): number {
  return parseHandshake(Uint8Array.from(answer)).cookie;
}

Deno.test("SRT: callers are told why they are refused, strangers get no answer", async () => {
  await using proxy = await Proxy.open({ ...SRT_ONLY, PROXY_SRT_MAX_KM_SIZE: "64" });
  await using caller = new UdpPeer();
  const { srt } = proxy.ports;
  let socketId = 0;
  const ask = async (packet: (cookie: number, socketId: number) => Uint8Array) => {
    await caller.send(srtInduction(++socketId), srt);
    await caller.send(packet(cookieOf((await caller.next()).bytes), socketId), srt);
    return parseHandshake(Uint8Array.from((await caller.next()).bytes)).type;
  };
  const refusals: readonly [number, (cookie: number, socketId: number) => Uint8Array][] = [
    [2503, (cookie, socketId) => srtConclusion({ cookie, socketId, streamId: "live/x" })],
    [2400, (cookie, socketId) => srtConclusion({ cookie, socketId })],
    [2400, (cookie, socketId) => srtConclusion({ cookie, socketId, streamId: "x".repeat(513) })],
    [2405, (cookie, socketId) => srtConclusion({ cookie, socketId, streamId: "#!::r=a/b,m=x" })],
    [2406, (cookie, socketId) => {
      const extensions = [{ type: 3, data: new Uint8Array(68) }];
      return srtConclusion({ cookie, socketId, streamId: "a/b", extensions });
    }],
    [1008, (cookie, socketId) => {
      return srtHandshake({ version: 4, extensionField: 2, type: -1, cookie, socketId });
    }],
  ];
  for (const [type, packet] of refusals) assert.equal(await ask(packet), type);
  // Another caller's cookie, an invented one, and packets other than handshakes.
  await using stranger = new UdpPeer();
  await caller.send(srtInduction(77), srt);
  const cookie = cookieOf((await caller.next()).bytes);
  const whole = srtConclusion({ socketId: 77, cookie, streamId: "live/x" });
  await stranger.send(whole, srt);
  await stranger.send(srtConclusion({ socketId: 77, cookie: cookie ^ 1, streamId: "a/b" }), srt);
  for (let length = 0; length < whole.length; length++) {
    await stranger.send(whole.subarray(0, length), srt);
  }
  await stranger.send(encodeShutdown(4711), srt);
  await stranger.send(srtInduction(78), srt);
  assert.equal(parseHandshake(Uint8Array.from((await stranger.next()).bytes)).type, 1);
  assert.equal(stranger.waiting, 0);
});

Deno.test("SRT: sessions are never mixed up, whichever addresses and socket ids they share", async () => {
  await using proxy = await Proxy.open(SRT_ONLY);
  await using origin = new UdpPeer();
  await registerSrt(proxy, "o", origin.port);
  const { srt } = proxy.ports;
  const open = (caller: UdpPeer, socketId: number, originSocket: number) =>
    letIn({ proxy, origin, caller, socketId, originSocket });
  const data = (destination: number, mark: number) =>
    Uint8Array.of(0, 0, 0, 1, 0xc0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, destination, mark);
  await using one = new UdpPeer();
  await using two = new UdpPeer();
  // Two callers with the same id to which the origin gives the same id, and a second socket of the
  // first caller.
  const ways = [
    { caller: one, own: 5, theirs: 7, port: await open(one, 5, 7) },
    { caller: two, own: 5, theirs: 7, port: await open(two, 5, 7) },
    { caller: one, own: 6, theirs: 8, port: await open(one, 6, 8) },
  ];
  assert.equal(new Set(ways.map(({ port }) => port)).size, 3);
  for (const [mark, { caller, own, theirs, port }] of ways.entries()) {
    const there = data(theirs, mark);
    await caller.send(there, srt);
    assert.deepEqual(await origin.next(), { bytes: [...there], port });
    const back = data(own, mark + 10);
    await origin.send(back, port);
    assert.deepEqual((await caller.next()).bytes, [...back]);
  }
  // The origin hangs up on one: only that one ends.
  await origin.send(encodeShutdown(5), ways[0]!.port);
  await one.next();
  await until("its end", async () => (await srtSessions(proxy)).length === 2);
  await one.send(data(7, 1), srt);
  await one.send(data(8, 2), srt);
  assert.deepEqual(await origin.next(), { bytes: [...data(8, 2)], port: ways[2]!.port });
});

Deno.test("SRT: a session ends when its origin's host is gone and when the proxy ends", async () => {
  // With Deno's sockets only the probes find that the host is gone.
  await using proxy = await Proxy.open({ PROXY_GRACE_QUIT_TIMEOUT: "0s" });
  const origin = new UdpPeer();
  await registerSrt(proxy, "o", origin.port);
  const { srt } = proxy.ports;
  await using caller = new UdpPeer();
  const isShutdown = ({ bytes }: { bytes: number[] }, target: number) =>
    bytes[0] === 0x80 && bytes[1] === 5 && bytes[15] === target;
  await letIn({ proxy, origin, caller, socketId: 21, originSocket: 121 });
  await origin[Symbol.asyncDispose]();
  await caller.send(encodeShutdown(121).with(1, 1), srt);
  assert.ok(isShutdown(await caller.next(), 21));

  await using again = new UdpPeer();
  await registerSrt(proxy, "again", again.port);
  await letIn({ proxy, origin: again, caller, socketId: 22, originSocket: 122 });
  proxy.process.signal("SIGTERM");
  assert.ok(isShutdown(await caller.next(), 22));
  const { code } = await proxy.process.end(10_000);
  assert.equal(code, 0);
});
