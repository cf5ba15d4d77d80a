// A UDP relay in a process of its own. Arguments: which relay, and the origin's port. Answers every
// question with its port; a question may be a JSON list of sessions, which it opens first.

import { systemClock } from "../../src/core/clock.ts";
import type { Metrics } from "../../src/core/contracts.ts";
import { laneTally } from "../../src/lane/lane_columns.ts";
import { Lanes } from "../../src/lane/lanes.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { RtcMediaRelay } from "../../src/relay/rtc/media_relay.ts";
import { SrtRelay } from "../../src/relay/srt/srt_relay.ts";
import { answerQuestions } from "./answer_questions.ts";
import { NO_SESSION_LOG } from "../support/no_session_log.ts";

const [kind, originPort] = Deno.args;
const origin = { host: "127.0.0.1", port: Number(originPort) };
const listen = { host: "127.0.0.1", port: 0 };
const metrics: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
const onError = (error: unknown) => {
  throw error;
};

/** One lane as in the program. */
async function openLanes(registry: Registry): Promise<Lanes> {
  return await Lanes.open({
    count: 1,
    identifyMemory: laneTally(1),
    clock: systemClock,
    services: {
      ...{ resolver: registry, metrics, sessions: NO_SESSION_LOG, onError },
      origins: () => registry.origins(),
      signal: () => new Response(null, { status: 404 }),
      answerOther: () => Promise.resolve(new Response(null, { status: 404 })),
    },
    init: {
      engine: "libc",
      listen: { rtmp: listen, http: listen, reusePort: false },
      ...{ variables: {}, idPrefix: "l", pseudonym: "bench" },
    },
  });
}

async function openRegistry(): Promise<Registry> {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 1000 });
  return await Registry.open({ store, metrics, originTtl: 3_600_000, streamIdle: 3_600_000 });
}

/** A simple relay with Deno's own sockets. */
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
  const registry = await openRegistry();
  let ids = 0;
  return await RtcMediaRelay.open({
    ...{ listen, metrics, sessions: NO_SESSION_LOG, onError, clock: systemClock },
    lanes: await openLanes(registry),
    maxSessions: 1000,
    maxSessionsPerAddress: 1000,
    startTimeout: 60_000,
    consentTimeout: 600_000,
    resolver: registry,
    rtcSessions: registry,
    newSession: () => `s${++ids}`,
  });
}

async function openSrt(): Promise<number> {
  const registry = await openRegistry();
  const endpoints = { rtmp: [], http: [], api: [], rtc: [], srt: [origin] };
  await registry.register({ id: "o", generation: "1", deviceId: "", ip: origin.host, endpoints });
  let ids = 0;
  const relay = await SrtRelay.open({
    ...{ listen, metrics, sessions: NO_SESSION_LOG, onError, clock: systemClock },
    lanes: await openLanes(registry),
    maxSessions: 1000,
    maxSessionsPerAddress: 1000,
    idleTimeout: 600_000,
    maxKeyMaterial: 0,
    defaultStreamId: "",
    cookieSecret: "",
    resolver: registry,
    newSession: () => `s${++ids}`,
  });
  return relay.address.port;
}

const openers: Readonly<Record<string, () => number | Promise<number>>> = {
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
