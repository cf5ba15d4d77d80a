// SRT callers and origins that this test speaks for packet by packet: origins that say nothing,
// callers that are turned away, sessions that must not cross and how they end.

import assert from "node:assert/strict";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { SrtReceiver } from "../support/srt_programs.ts";
import { registerSrt, srtSessions } from "../support/srt_proxy.ts";
import { srtConclusion, srtHandshake, srtInduction } from "../support/srt_packets.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";
import { isConclusion, parseHandshake } from "../../src/protocol/srt/handshake.ts";
import { encodeShutdown } from "../../src/protocol/srt/packet.ts";

/** Lets one caller in at an origin of this test. @returns the port by which the origin knows it */
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

/** Milliseconds until a caller with nothing to say has been let in by its origin. */
async function timeOfHandshake(proxy: Proxy, stream: string): Promise<number> {
  const start = performance.now();
  const socketId = 1 + Math.floor(Math.random() * 0x3fffffff);
  await using caller = new UdpPeer();
  const { srt } = proxy.ports;
  await caller.send(srtInduction(socketId), srt);
  const cookie = cookieOf((await caller.next()).bytes);
  await caller.send(srtConclusion({ socketId, cookie, streamId: `live/${stream}` }), srt);
  const answer = parseHandshake(Uint8Array.from((await caller.next()).bytes));
  const time = performance.now() - start;
  assert.ok(isConclusion(answer), `answer ${answer.type}`);
  await caller.send(encodeShutdown(answer.socketId), srt);
  return time;
}

function cookieOf(answer: readonly number[]): number {
  return parseHandshake(Uint8Array.from(answer)).cookie;
}

Deno.test("SRT: a silent origin delays nobody but its caller, who gets another within 3 s", async () => {
  await using proxy = await Proxy.open();
  const { receiver, port } = SrtReceiver.listen({ latency: 200 });
  await using _receiver = receiver;
  await using silent = new UdpPeer();
  await registerSrt(proxy, "silent", silent.port);
  const begun = performance.now();
  await using caller = new UdpPeer();
  const { srt } = proxy.ports;
  await caller.send(srtInduction(5), srt);
  const cookie = cookieOf((await caller.next()).bytes);
  const conclusion = srtConclusion({ socketId: 5, cookie, streamId: "live/x" });
  await caller.send(conclusion, srt);
  // The silent one is asked, again and again, by one proxy with one socket.
  const first = await silent.next();
  await registerSrt(proxy, "o", port);
  for (let count = 0; count < 8; count++) await caller.send(conclusion, srt);
  const answer = parseHandshake(Uint8Array.from((await caller.next()).bytes));
  const time = performance.now() - begun;
  assert.ok(isConclusion(answer), `answer ${answer.type}`);
  assert.ok(time < 3000, `${time} ms`);
  while (silent.waiting > 0) assert.equal((await silent.next()).port, first.port);
  // A caller who misses the answer asks again, and hears the same.
  await caller.send(conclusion, srt);
  const again = parseHandshake(Uint8Array.from((await caller.next()).bytes));
  assert.deepEqual(again, answer);
});

Deno.test("SRT: with silent origins on the way every other handshake takes what it takes", async () => {
  await using proxy = await Proxy.open();
  // An origin that lets everybody in at once, so that nothing but the proxy is measured.
  await using origin = new UdpPeer();
  let asked = true;
  const answering = (async () => {
    while (asked) {
      const { bytes, port } = await origin.next(20_000).catch(() => ({ bytes: [], port: 0 }));
      if (bytes.length < 64) continue;
      const shake = parseHandshake(Uint8Array.from(bytes));
      const socketId = 1 + Math.floor(Math.random() * 0x3fffffff);
      const answer = shake.type === 1
        ? srtHandshake({
          type: 1,
          extensionField: 0x4a17,
          socketId: 1,
          destination: shake.socketId,
        })
        : srtHandshake({ type: -1, extensionField: 1, socketId, destination: shake.socketId });
      await origin.send(answer, port);
    }
  })();
  await registerSrt(proxy, "o", origin.port);
  const measure = async () => {
    const times: number[] = [];
    for (let count = 0; count < 100; count++) {
      times.push(await timeOfHandshake(proxy, `known${count % 10}`));
    }
    return times.toSorted((a, b) => a - b)[98]!;
  };
  const alone = await measure();
  await using silent = new UdpPeer();
  await registerSrt(proxy, "silent", silent.port);
  // Many callers whose origin says nothing.
  await using callers = new AsyncDisposableStack();
  const { srt } = proxy.ports;
  for (let count = 0; count < 50; count++) {
    const caller = callers.use(new UdpPeer());
    await caller.send(srtInduction(count + 1), srt);
    const cookie = cookieOf((await caller.next()).bytes);
    const streamId = `live/new${count}`;
    await caller.send(srtConclusion({ socketId: count + 1, cookie, streamId }), srt);
  }
  // What else the machine does may hit one measurement; it does not hit five in a row.
  const added = async () => await measure() - alone;
  await until("no delay", async () => await added() < 5, { timeout: 20_000, interval: 1 });
  assert.ok(silent.waiting > 0, "the silent one was asked meanwhile");
  asked = false;
  await origin.send(Uint8Array.of(0), origin.port);
  await answering;
});

Deno.test("SRT: callers are told why they are turned away, strangers nothing", async () => {
  await using proxy = await Proxy.open({ PROXY_SRT_MAX_KM_SIZE: "64" });
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
  // A cookie of somebody else, of nobody, and all that is no handshake.
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

Deno.test("SRT: one address and one socket id each, or all the same, never cross", async () => {
  await using proxy = await Proxy.open();
  await using origin = new UdpPeer();
  await registerSrt(proxy, "o", origin.port);
  const { srt } = proxy.ports;
  const open = (caller: UdpPeer, socketId: number, originSocket: number) =>
    letIn({ proxy, origin, caller, socketId, originSocket });
  const data = (destination: number, mark: number) =>
    Uint8Array.of(0, 0, 0, 1, 0xc0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, destination, mark);
  await using one = new UdpPeer();
  await using two = new UdpPeer();
  // Two callers of one id whose origin gives one id, and a second socket of the first caller.
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
  // The origin hangs up on one: it alone is over.
  await origin.send(encodeShutdown(5), ways[0]!.port);
  await one.next();
  await until("its end", async () => (await srtSessions(proxy)).length === 2);
  await one.send(data(7, 1), srt);
  await one.send(data(8, 2), srt);
  assert.deepEqual(await origin.next(), { bytes: [...data(8, 2)], port: ways[2]!.port });
});

Deno.test("SRT: silence, a kick, an origin that is gone and the end of the proxy end a session", async () => {
  await using proxy = await Proxy.open({
    PROXY_SRT_IDLE_TIMEOUT: "1s",
    PROXY_GRACE_QUIT_TIMEOUT: "0s",
  });
  const origin = new UdpPeer();
  await registerSrt(proxy, "o", origin.port);
  const { srt } = proxy.ports;
  await using caller = new UdpPeer();
  let socketId = 20;
  const open = async () => {
    const originSocket = ++socketId + 100;
    const port = await letIn({ proxy, origin, caller, socketId, originSocket });
    await until("the session", async () => (await srtSessions(proxy)).length === 1);
    return { originSocket, port };
  };
  const isShutdown = ({ bytes }: { bytes: number[] }, target: number) =>
    bytes[0] === 0x80 && bytes[1] === 5 && bytes[15] === target;
  const keepAlive = (target: number) =>
    Uint8Array.of(0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, target);

  // Silent: both are told.
  const first = await open();
  assert.ok(isShutdown(await caller.next(), socketId));
  assert.ok(isShutdown(await origin.next(), first.originSocket));
  await until("the end", async () => (await srtSessions(proxy)).length === 0);

  // Kicked, both talking.
  const second = await open();
  const talking = setInterval(() => {
    caller.send(keepAlive(second.originSocket), srt).catch(() => {});
    origin.send(keepAlive(socketId), second.port).catch(() => {});
  }, 200);
  const listed = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/sessions")));
  const { session } = listed.sessions[0];
  const kicked = await fetch(proxy.systemUrl(`/api/v1/sessions/${session}`), { method: "DELETE" });
  await kicked.body?.cancel();
  assert.ok(kicked.ok);
  await until("the end", async () => (await srtSessions(proxy)).length === 0);
  clearInterval(talking);
  while (!isShutdown(await caller.next(), socketId));
  while (!isShutdown(await origin.next(), second.originSocket));

  // The origin's host refuses.
  const third = await open();
  await origin[Symbol.asyncDispose]();
  await caller.send(keepAlive(third.originSocket), srt);
  while (!isShutdown(await caller.next(), socketId));

  // The proxy ends.
  await using again = new UdpPeer();
  await registerSrt(proxy, "again", again.port);
  socketId++;
  await letIn({ proxy, origin: again, caller, socketId, originSocket: 250 });
  proxy.process.signal("SIGTERM");
  while (!isShutdown(await caller.next(), socketId));
  const { code } = await proxy.process.end(10_000);
  assert.equal(code, 0);
});

Deno.test("SRT: an induction flood of 100,000 addresses leaves memory flat", async () => {
  await using proxy = await Proxy.open();
  const resident = () => {
    const status = Deno.readTextFileSync(`/proc/${proxy.process.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
  };
  const { srt } = proxy.ports;
  const flood = async (from: number, to: number) => {
    for (let block = from; block < to; block++) {
      // 100 ports at each of 1,000 addresses.
      await using peers = new AsyncDisposableStack();
      for (let port = 0; port < 100; port++) {
        const peer = peers.use(new UdpPeer(`127.1.${block >> 8}.${block & 255}`));
        await peer.sendTo(srtInduction(block * 100 + port), "127.0.0.1", srt);
      }
    }
  };
  await flood(0, 100);
  const before = resident();
  await flood(100, 1000);
  await using late = new UdpPeer();
  const answer = srtInduction(1);
  await until("an answer", async () => {
    await late.send(answer, srt);
    return late.waiting > 0;
  });
  assert.equal((await late.next()).bytes.length, answer.length, "no more out than in");
  assert.ok(resident() - before < 40, `${(resident() - before).toFixed(0)} MiB more memory`);
});
