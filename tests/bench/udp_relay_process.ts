// A UDP relay in a process of its own. Arguments: which one, and the origin's port. Answers every
// question with its port, or, when the question is a list of sessions in JSON, after it took them.

import { systemClock } from "../../src/core/clock.ts";
import type { Metrics, SessionLog } from "../../src/core/contracts.ts";
import { UdpThread } from "../../src/net/udp/thread.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { RtcMediaRelay } from "../../src/relay/rtc/media_relay.ts";
import { SrtRelay } from "../../src/relay/srt/srt_relay.ts";
import { answerQuestions } from "./answer_questions.ts";

const [kind, originPort] = Deno.args;
const origin = { host: "127.0.0.1", port: Number(originPort) };
const listen = { host: "127.0.0.1", port: 0 };
const metrics: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };

/** The engine with a relay that does nothing but look up addresses. */
async function openEngine(): Promise<number> {
  const thread = await UdpThread.open({
    module: new URL("../support/udp_forwarder.ts", import.meta.url),
    name: "bench",
    clock: systemClock,
    choice: "libc",
    engine: { listen, tick: 100, maxLinks: 1000 },
    init: { origin, maxClients: 1000 },
    onReport: () => {},
    onFigures: () => {},
  });
  return thread.address.port;
}

/** What one would write with Deno's own sockets. */
function openDeno(): number {
  const front = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: origin.port };
  const links = new Map<number, Deno.DatagramConn>();
  const readLink = async (link: Deno.DatagramConn, client: Deno.NetAddr) => {
    const buffer = new Uint8Array(2048);
    while (true) await front.send((await link.receive(buffer))[0], client);
  };
  const readFront = async () => {
    const buffer = new Uint8Array(2048);
    while (true) {
      const [bytes, from] = await front.receive(buffer);
      const client = from as Deno.NetAddr;
      let link = links.get(client.port);
      if (!link) {
        link = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
        links.set(client.port, link);
        readLink(link, client);
      }
      await link.send(bytes, to);
    }
  };
  readFront();
  return (front.addr as Deno.NetAddr).port;
}

async function openRtc(): Promise<RtcMediaRelay> {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 1000 });
  const times = { originTtl: 3_600_000, streamIdle: 3_600_000 };
  const registry = await Registry.open({ store, metrics, ...times });
  const sessions: SessionLog = { opened: () => {}, closed: () => {}, refused: () => {} };
  let ids = 0;
  return await RtcMediaRelay.open({
    listen,
    clock: systemClock,
    engine: "libc",
    maxSessions: 1000,
    maxSessionsPerAddress: 1000,
    startTimeout: 60_000,
    consentTimeout: 600_000,
    resolver: registry,
    rtcSessions: registry,
    sessions,
    metrics,
    newSession: () => `s${++ids}`,
    onError: (error) => {
      throw error;
    },
  });
}

async function openSrt(): Promise<number> {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 1000 });
  const times = { originTtl: 3_600_000, streamIdle: 3_600_000 };
  const registry = await Registry.open({ store, metrics, ...times });
  const endpoints = { rtmp: [], http: [], api: [], rtc: [], srt: [origin] };
  await registry.register({ id: "o", generation: "1", deviceId: "", ip: origin.host, endpoints });
  let ids = 0;
  const relay = await SrtRelay.open({
    listen,
    clock: systemClock,
    engine: "libc",
    maxSessions: 1000,
    maxSessionsPerAddress: 1000,
    idleTimeout: 600_000,
    maxKeyMaterial: 0,
    defaultStreamId: "",
    cookieSecret: "",
    resolver: registry,
    sessions: { opened: () => {}, closed: () => {}, refused: () => {} },
    metrics,
    newSession: () => `s${++ids}`,
    onError: (error) => {
      throw error;
    },
  });
  return relay.address.port;
}

const openers: Readonly<Record<string, () => number | Promise<number>>> = {
  engine: openEngine,
  deno: openDeno,
  srt: openSrt,
};
const rtc = kind === "rtc" ? await openRtc() : undefined;
const port = rtc?.address.port ?? await openers[kind!]!();
await answerQuestions(async (question) => {
  const names = question === "" ? [] : JSON.parse(question) as string[];
  for (const name of names) {
    const stream = `__defaultVhost__/live/${name}`;
    const session = { user: `${name}:me`, password: name, stream, media: origin } as const;
    await rtc?.open({ ...session, intent: "play", origin: "o" }, rtc.reserve("127.0.0.1"));
  }
  return String(port);
});
