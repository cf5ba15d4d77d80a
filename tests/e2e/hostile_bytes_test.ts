// Hostile bytes for each protocol over TCP and in each phase, sent to every lane, as /metrics
// confirms: no lane fails, other streams continue, and nothing is left behind.

import assert from "node:assert/strict";
import { corpusOf } from "../support/corpus.ts";
import { damaged, noise } from "../support/damage.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { FlvChecker } from "../support/flv_body.ts";
import { assertContiguous } from "../support/frames.ts";
import { fuzzTest } from "../support/fuzzing.ts";
import { HttpOrigin, live } from "../support/http_origin.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { freePorts } from "../support/ports.ts";
import { Proxy, RUN_ENGINE } from "../support/proxy.ts";
import { ofEachLane, requireReleased, usageOf } from "../support/proxy_figures.ts";
import { RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { RtmpPeer } from "../support/rtmp_peer.ts";
import { recording } from "../support/rtmp_recordings.ts";
import { Script } from "../support/rtmp_script.ts";
import { until } from "../support/wait.ts";

type Random = (below: number) => number;

const LANES = 3;
/** Enough connections that they are never all in two of three lanes. */
const CLIENTS = 40;
const TAG = 1_000;
const LIVE = live({ framing: "chunked", tagLength: TAG, interval: 20 });

/** A point in a protocol at which hostile bytes can be sent. */
interface Phase {
  readonly name: string;
  readonly protocol: "rtmp" | "http" | "ice_tcp";
  readonly port: (world: World) => number;
  /** Connects a client up to that point. */
  readonly begin: (port: number, stream: string) => Promise<RtmpPeer>;
}

const PHASES: readonly Phase[] = [
  { name: "instead of a handshake", protocol: "rtmp", port: rtmpOf, begin: connect },
  {
    name: "after the handshake",
    protocol: "rtmp",
    port: rtmpOf,
    begin: (port) => RtmpPeer.connect(port),
  },
  { name: "while publishing", protocol: "rtmp", port: rtmpOf, begin: publish },
  {
    name: "instead of a request",
    protocol: "http",
    port: ({ proxy }) => proxy.ports.httpServer,
    begin: connect,
  },
  {
    name: "instead of frames",
    protocol: "ice_tcp",
    port: ({ icePort }) => icePort,
    begin: connect,
  },
];

function rtmpOf({ proxy }: World): number {
  return proxy.ports.rtmp;
}

function connect(port: number): Promise<RtmpPeer> {
  return RtmpPeer.begin(port, new Uint8Array());
}

async function publish(port: number, stream: string): Promise<RtmpPeer> {
  const peer = await RtmpPeer.connect(port);
  const app = { app: "live", tcUrl: "rtmp://127.0.0.1/live" };
  await peer.say(new Script().command(["connect", 1, app]).command(["createStream", 2, null]));
  await peer.say(new Script().command(["publish", 3, null, stream, "live"], { streamId: 1 }));
  await peer.hears("onStatus:NetStream.Publish.Start");
  return peer;
}

/** The inputs: the corpus, the same damaged, and noise. */
function inputsOf({ protocol }: Phase, random: Random): Uint8Array[] {
  const known: Uint8Array[] = corpusOf(protocol).map(({ bytes }) => bytes);
  if (protocol === "rtmp") known.push(recording("ffmpeg_publish").client.slice(0, 20_000));
  return [...known, ...known.map((bytes) => damaged(random, bytes)), noise(random, 20_000)];
}

/** A proxy with three lanes, and streams in each of them. */
interface World extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly icePort: number;
  /** Waits until all streams have continued without gaps. */
  goOn(): Promise<void>;
}

async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const [icePort] = freePorts(1) as [number];
  const proxy = stack.use(
    await Proxy.open({
      PROXY_LANES: String(LANES),
      ...(RUN_ENGINE === "libc" && { PROXY_WEBRTC_TCP_SERVER: `127.0.0.1:${icePort}` }),
    }),
  );
  const { rtmpPort } = stack.use(await NginxRtmp.open());
  const { httpPort } = stack.use(new HttpOrigin({ "/live/x.flv": LIVE }));
  await sendHeartbeat(proxy, heartbeatOf({ name: "o", rtmpPort, httpPort }, "1"));
  stack.use(await Publisher.publish(proxy.rtmpUrl("x")));
  const viewer = stack.use(new Viewer(proxy.rtmpUrl("x")));
  const watchers: { readonly body: RawBody; readonly checker: FlvChecker }[] = [];
  await until("streams be in all lanes", async () => {
    const client = stack.use(await RawHttp.connect(proxy.ports.httpServer));
    await client.send(requestText("/live/x.flv"));
    const body = new RawBody(client, await client.head());
    watchers.push({ body, checker: new FlvChecker(TAG) });
    return (await connectionsOf(proxy)).every((count) => count > 1);
  });
  const goOn = async () => {
    await viewer.moreVideo(2);
    await Promise.all(watchers.map(({ body, checker }) => {
      return body.atLeast(2 * TAG, (bytes) => checker.push(bytes));
    }));
    assertContiguous(viewer.video, 101);
  };
  await goOn();
  const all = stack.move();
  return { proxy, icePort, goOn, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function connectionsOf(proxy: Proxy): Promise<number[]> {
  return ofEachLane(proxy, "srs_proxy_lane_connections", LANES);
}

let streams = 0;

/** Makes clients in every lane send the same bytes and close. */
async function attack(world: World, { begin, port }: Phase, bytes: Uint8Array): Promise<void> {
  const { proxy } = world;
  const before = await connectionsOf(proxy);
  using stack = new DisposableStack();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => begin(port(world), `hostile${++streams}`)),
  );
  clients.forEach((client) => stack.use(client));
  const more = async () => (await connectionsOf(proxy)).map((count, at) => count - before[at]!);
  const counts = await until("every client be counted in a lane", async () => {
    const each = await more();
    return each.reduce((sum, count) => sum + count) === CLIENTS && each;
  });
  assert.ok(counts.every((count) => count > 0), `each lane has some of them: ${counts}`);
  await Promise.all(clients.map(async (client) => {
    await client.say(bytes);
    await client.finish();
  }));
  await until("all have left", async () => (await more()).every((count) => count === 0));
}

fuzzTest(
  "hostile bytes in any phase harm no lane and leave nothing",
  async (random) => {
    await using world = await openWorld();
    const { proxy } = world;
    const phases = PHASES.filter(({ protocol }) => RUN_ENGINE === "libc" || protocol !== "ice_tcp");
    for (const phase of phases) await attack(world, phase, noise(random, 20_000));
    const before = usageOf(proxy);
    for (const phase of phases) {
      for (const bytes of inputsOf(phase, random)) await attack(world, phase, bytes);
      await world.goOn();
    }
    await requireReleased(proxy, before);
  },
);
