// Hostile datagrams to the WebRTC and SRT ports and every lane, as many as HOSTILE_DATAGRAMS says:
// sessions in every lane continue meanwhile, and nothing is left behind.

import assert from "node:assert/strict";
import { corpusOf } from "../support/corpus.ts";
import { damaged, noise } from "../support/damage.ts";
import { fuzzTest } from "../support/fuzzing.ts";
import { Proxy, RUN_ENGINE } from "../support/proxy.ts";
import { ofEachLane, requireReleased, usageOf } from "../support/proxy_figures.ts";
import { agree, openRtcOrigin, proofOf } from "../support/rtc_origin.ts";
import { OpenSrtOrigin } from "../support/srt_origin.ts";
import { srtConclusion, srtInduction } from "../support/srt_packets.ts";
import { callSrt, registerSrt } from "../support/srt_proxy.ts";
import { stunRequest } from "../support/stun_message.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";

type Random = (below: number) => number;

/** A million takes a minute or two. */
const DATAGRAMS = Number(Deno.env.get("HOSTILE_DATAGRAMS") ?? 100_000);
const LANES = 3;
/** Enough addresses that they are never all in two of three lanes. */
const STRANGERS = 40;
const SESSIONS = 20;
/**
 * Datagrams each stranger sends at a time: together less than the kernel buffers for one socket.
 */
const BURST = 3;

/** A protocol with sessions in all lanes. */
interface Target extends AsyncDisposable {
  readonly name: string;
  readonly proxy: Proxy;
  readonly port: number;
  /** Valid datagrams, which strangers damage. */
  readonly right: readonly Uint8Array[];
  /** Sends a datagram in every session, and waits until the origin has all of them. */
  goOn(): Promise<void>;
}

async function openSrt(): Promise<Target> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await openProxy());
  const origin = stack.use(new OpenSrtOrigin());
  await registerSrt(proxy, "o", origin.port);
  const callers: { readonly peer: UdpPeer; readonly data: Uint8Array }[] = [];
  for (let at = 0; at < SESSIONS; at++) {
    const peer = stack.use(new UdpPeer());
    const { type, socketId } = await callSrt(proxy, peer, { socketId: 1 + at, stream: `s${at}` });
    assert.equal(type, -1);
    const data = new Uint8Array(200);
    new DataView(data.buffer).setInt32(12, socketId);
    callers.push({ peer, data });
  }
  const port = proxy.ports.srt;
  const handshake = { socketId: 99, cookie: 9, streamId: "live/show" };
  const right = [
    ...corpusOf("srt").map(({ bytes }) => bytes),
    srtInduction(99),
    srtConclusion(handshake),
    srtConclusion({ ...handshake, destination: 1 }),
    callers[0]!.data,
  ];
  const goOn = async () => {
    const before = origin.packets;
    for (const { peer, data } of callers) await peer.send(data, port);
    await until("all sessions go on", () => origin.packets === before + SESSIONS, { interval: 1 });
  };
  const all = stack.move();
  return {
    ...{ name: "SRT", proxy, port, right, goOn },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function openRtc(): Promise<Target> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await openProxy());
  const media = stack.use(new UdpPeer());
  stack.use(await openRtcOrigin(proxy, media.port));
  const port = proxy.ports.webrtc;
  const players: UdpPeer[] = [];
  let user = "";
  for (let at = 0; at < SESSIONS; at++) {
    const peer = stack.use(new UdpPeer());
    user = await agree(proxy, `s${at}`);
    await peer.send(proofOf(user), port);
    await media.next();
    players.push(peer);
  }
  const right = [
    ...corpusOf("stun").map(({ bytes }) => bytes),
    stunRequest({ user: `${user}:offer`, password: "not the one that was agreed" }),
    stunRequest({ user: "nobody:offer", password: "a password of nobody's" }),
    Uint8Array.of(0x80, 96, ...new Uint8Array(200)),
    Uint8Array.of(22, 254, 253, ...new Uint8Array(100)),
  ];
  const goOn = async () => {
    for (const [at, peer] of players.entries()) await peer.send(Uint8Array.of(0x80, at), port);
    const seen = new Set<number>();
    while (seen.size < SESSIONS) {
      const { bytes } = await media.next();
      assert.equal(bytes.length, 2, "nobody but the players reaches the origin");
      seen.add(bytes[1]!);
    }
  };
  const all = stack.move();
  return {
    ...{ name: "WebRTC", proxy, port, right, goOn },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function openProxy(): Promise<Proxy> {
  return Proxy.open({
    PROXY_LANES: String(LANES),
    PROXY_WEBRTC_CANDIDATE: "127.0.0.1",
    PROXY_WEBRTC_CONSENT_TIMEOUT: "10m",
    PROXY_SRT_IDLE_TIMEOUT: "10m",
    PROXY_HEALTH_END_SESSIONS: "off",
  });
}

/** Strangers, each at an address of its own. */
class Strangers implements Disposable {
  readonly #sockets = Array.from({ length: STRANGERS }, () => {
    return Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  });

  /** Sends this many datagrams, while all sessions of the target continue. */
  async send({ port, right, goOn }: Target, count: number, random: Random): Promise<void> {
    const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
    for (let sent = 0; sent < count; sent += STRANGERS * BURST) {
      for (let at = 0; at < STRANGERS * BURST; at++) {
        const bytes = random(3) === 0
          ? noise(random, random(100))
          : damaged(random, right[random(right.length)]!);
        await this.#sockets[at % STRANGERS]!.send(bytes, to);
      }
      await goOn();
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }
}

for (const [name, open] of [["SRT", openSrt], ["WebRTC", openRtc]] as const) {
  fuzzTest(
    `hostile datagrams to ${name} harm no lane and leave nothing`,
    async (random) => {
      await using target = await open();
      using strangers = new Strangers();
      const { proxy } = target;
      await strangers.send(target, DATAGRAMS / 10, random);
      const usage = usageOf(proxy);
      const cpuTimes = () => ofEachLane(proxy, "srs_proxy_lane_cpu_seconds_total", LANES);
      const before = await cpuTimes();
      await strangers.send(target, DATAGRAMS, random);
      const spent = (await cpuTimes()).map((time, at) => time - before[at]!);
      // Deno's sockets cannot share a UDP port, so only the first lane has it.
      const busy = RUN_ENGINE === "libc" ? spent : spent.slice(0, 1);
      const total = spent.reduce((sum, time) => sum + time);
      assert.ok(busy.every((time) => time > total / 10), `each lane has had some: ${spent} s`);
      await requireReleased(proxy, usage);
    },
  );
}
