// `deno task demo`: runs the proxy from source with two small real origins and two published test
// pictures, until Ctrl-C. Everything listens only on loopback.

import { resolve } from "node:path";
import { Publisher } from "../tests/support/ffmpeg.ts";
import { NginxRtmp } from "../tests/support/nginx_rtmp.ts";
import { NodeMediaServer } from "../tests/support/node_media_server.ts";
import type { OriginServer } from "../tests/support/origin_server.ts";
import { isFree } from "../tests/support/ports.ts";
import { DEFAULT_PORTS, freeProxyPorts, Proxy } from "../tests/support/proxy.ts";
import { Registration } from "../tests/support/register.ts";
import { until } from "../tests/support/wait.ts";
import { bundleConsole } from "./bundle_console.ts";
import { findFormats } from "./demo_formats.ts";
import { say } from "./say.ts";
import { FFMPEG, installCommand, missing, NGINX, NGINX_RTMP } from "./setup.ts";

const PICTURES = {
  pattern: "testsrc2=size=640x360:rate=25",
  bars: "smptebars=size=640x360:rate=25",
};
const STREAMS = Object.keys(PICTURES);

/** Runs the demo until a signal or the end of one of its parts, and returns the exit code. */
async function main(): Promise<number> {
  const lacking = missing([FFMPEG]);
  if (lacking.length > 0) {
    say("The demo needs ffmpeg. On Debian or Ubuntu install it, as root, with");
    say(`  ${installCommand(lacking)}`);
    return 1;
  }
  await bundleConsole(resolve(import.meta.dirname!, "../dist/console"));
  const interrupted = untilInterrupted();
  await using stack = new AsyncDisposableStack();
  const proxy = await openProxy(stack);
  const origins = await openOrigins(stack, proxy);
  const publishers = await Promise.all(
    Object.entries(PICTURES).map(async ([stream, picture]) => {
      const live = { picture, kilobits: 800, rate: 25 };
      return stack.use(await Publisher.publish(proxy.rtmpUrl(stream), { live }));
    }),
  );
  await explain(proxy, origins);
  const parts = [proxy, ...origins, ...publishers];
  const ended = parts.map(({ process }) => process.ended.then(() => process.errorText));
  const failure = await Promise.race([interrupted, ...ended]);
  if (failure === undefined) return 0;
  say(`A part of the demo has ended:\n${failure}`);
  return 1;
}

async function openProxy(stack: AsyncDisposableStack): Promise<Proxy> {
  const ports = Object.values(DEFAULT_PORTS).every(isFree) ? DEFAULT_PORTS : freeProxyPorts();
  say("Starting the proxy");
  return stack.use(await Proxy.open({}, ports));
}

async function openOrigins(stack: AsyncDisposableStack, proxy: Proxy): Promise<OriginServer[]> {
  say("Starting two origins; the first time this fetches one of them");
  const hasNginx = missing([NGINX, NGINX_RTMP]).length === 0;
  const origins: OriginServer[] = await Promise.all([
    hasNginx
      ? NginxRtmp.open({ hls: true })
      : NodeMediaServer.open({ name: "node-media-server 2" }),
    NodeMediaServer.open(),
  ]);
  for (const origin of origins) {
    stack.use(origin);
    stack.use(await Registration.open([proxy], origin));
  }
  return origins;
}

async function explain(proxy: Proxy, origins: readonly OriginServer[]): Promise<void> {
  const places = await until("the test pictures at their origins", () => placesOf(origins));
  say("");
  const found = await Promise.all([...places].map(async ([stream, origin]) => {
    return { stream, origin, ...await findFormats(proxy, stream) };
  }));
  say("Two test pictures are live:");
  for (const { stream, origin, playable, lacking } of found) {
    say(`live/${stream}, at ${origin}`);
    say(`  RTMP: ${proxy.rtmpUrl(stream)} in VLC, ffplay or any other player`);
    for (const { name, page } of playable) say(`  ${name}: ${page} in a browser`);
    say(`  not in ${lacking.join(", ")}: its origin does not offer them`);
  }
  say("Publish your own, with OBS or ffmpeg, to");
  say(`  ${proxy.rtmpUrl("NAME")}`);
  say(`What is live is listed at http://127.0.0.1:${proxy.ports.httpServer}/`);
  say("Ctrl-C ends the demo.");
}

/** The name of each stream's origin, once all streams have one. */
async function placesOf(
  origins: readonly OriginServer[],
): Promise<Map<string, string> | undefined> {
  const places = new Map<string, string>();
  for (const origin of origins) {
    for (const stream of await origin.publishedStreams()) places.set(stream, origin.name);
  }
  return STREAMS.every((stream) => places.has(stream)) ? places : undefined;
}

function untilInterrupted(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => resolve(undefined));
    }
  });
}

if (import.meta.main) Deno.exit(await main());
