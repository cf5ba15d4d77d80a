// The whole program with two lanes and TLS on every port, over IPv4 and IPv6: clients that do not
// speak TLS, or do not finish, disturb nobody.

import assert from "node:assert/strict";
import { Authority } from "../support/certificates.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePorts } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { descriptorsOf, megabytesOf } from "../support/proxy_figures.ts";
import { sendHeartbeat } from "../support/register.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { until } from "../support/wait.ts";

/** Clients at a time, of those that give up. */
const AT_ONCE = 50;
const HOSTS = ["127.0.0.1", "::1"] as const;
/** An alert, a record that is too long, a truncated hello, other protocols, and noise. */
const GARBAGE = [
  "\x15\x03\x01\x00\x02\x02\x28",
  "\x16\x03\x01\xff\xff",
  "\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\x03" + "\x00".repeat(1_536),
  "\x17\x03\x03\x00\x10" + "x".repeat(16),
] as const;

/** A proxy with every listener on all addresses, and its TLS ports. */
async function openProxy(authority: Authority): Promise<{ proxy: Proxy; ports: number[] }> {
  await authority.pair({ names: ["localhost", ...HOSTS] });
  const { folder } = authority;
  const [rtmps, httpsServer, httpsApi, systemTls] = freePorts(4);
  const proxy = await Proxy.open({
    PROXY_LANES: "2",
    PROXY_RTMPS_SERVER: `${rtmps}`,
    PROXY_HTTPS_SERVER: `${httpsServer}`,
    PROXY_HTTPS_API: `[::]:${httpsApi}`,
    PROXY_SYSTEM_API_TLS: `[::]:${systemTls}`,
    PROXY_TLS_CERT: folder.file("pair1.pem"),
    PROXY_TLS_KEY: folder.file("pair1.key"),
    PROXY_RTMP_HANDSHAKE_TIMEOUT: "1s",
    PROXY_HTTP_HEAD_TIMEOUT: "1s",
    PROXY_REGISTER_ALLOW: "127.0.0.0/8,::1",
  });
  return { proxy, ports: [rtmps!, httpsServer!, httpsApi!, systemTls!] };
}

/** Sends some bytes and waits for the end. */
async function send(hostname: string, port: number, bytes: Uint8Array): Promise<void> {
  using conn = await Deno.connect({ hostname, port });
  try {
    if (bytes.length > 0) await conn.write(bytes);
    const buffer = new Uint8Array(1_000);
    while (await conn.read(buffer) !== null);
  } catch (error) {
    // It was reset.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

async function handshakesRefused(proxy: Proxy): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  const found = text.matchAll(/_refused_total\{reason="tls_handshake"\} (\d+)/g);
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
}

Deno.test({
  name: "TLS garbage and silence on every port end in time, and a stream beside them continues",
  timeout: 120_000,
  async fn() {
    await using authority = await Authority.open();
    const { proxy, ports } = await openProxy(authority);
    await using _proxy = proxy;
    await using origin = await NodeMediaServer.open();
    await sendHeartbeat(proxy, {
      ...{ ip: "127.0.0.1", server: "vid-1", service: "1", pid: "1" },
      rtmp: [`${origin.rtmpPort}`],
      http: [`${origin.httpPort}`],
    });
    await using _publisher = await Publisher.publish(`rtmps://[::1]:${ports[0]}/live/show`);
    await using viewer = new Viewer(`rtmps://127.0.0.1:${ports[0]}/live/show`);
    await viewer.moreVideo(5);
    const texts = [...GARBAGE, ""].map((text) => {
      return Uint8Array.from(text, (character) => character.charCodeAt(0));
    });
    const noise = crypto.getRandomValues(new Uint8Array(5_000));
    let sent = 0;
    for (const port of ports) {
      for (const host of HOSTS) {
        const all = [...texts, noise];
        await Promise.all(all.map((bytes) => send(host, port, bytes)));
        sent += all.length;
      }
    }
    await until("all be counted", async () => await handshakesRefused(proxy) === sent, {
      describe: () => `${sent} were sent`,
    });
    const before = viewer.video.length;
    await until("the stream go on", () => viewer.video.length > before + 20, { timeout: 10_000 });
    assertContiguous(viewer.video, 101);
  },
});

/** Gives up so many handshakes on all ports in turn, before, in, or behind the client's hello. */
async function giveUp(ports: readonly number[], times: number): Promise<void> {
  using peer = new TlsPeer();
  const hello = peer.hello();
  const giveUpOne = async (time: number) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: ports[time % ports.length]! });
    const phase = time % 3;
    if (phase === 0) return;
    await conn.write(phase === 1 ? hello.subarray(0, 1 + time % hello.length) : hello);
    if (phase === 2) await conn.read(new Uint8Array(4_000));
  };
  for (let time = 0; time < times; time += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => giveUpOne(time + at)));
  }
}

Deno.test({
  name: "nothing is left of 10,000 handshakes that are given up",
  ignore: Deno.build.os !== "linux",
  timeout: 120_000,
  async fn() {
    await using authority = await Authority.open();
    const { proxy, ports } = await openProxy(authority);
    await using _proxy = proxy;
    await giveUp(ports, 2_000);
    // Until the last of those have gone, too.
    await until("all be counted", async () => await handshakesRefused(proxy) === 2_000);
    const atRest = descriptorsOf(proxy);
    const memory = megabytesOf(proxy);
    await giveUp(ports, 10_000);
    await until("all descriptors be free", () => descriptorsOf(proxy) <= atRest, {
      describe: () => `${descriptorsOf(proxy)}, ${atRest} before`,
    });
    // What OpenSSL has for one would show if a fifth of them were left.
    const grown = megabytesOf(proxy) - memory;
    assert.ok(grown < 38, `${grown.toFixed(1)} MiB more`);
  },
});

Deno.test({
  name: "every TLS port is reachable over IPv4 and IPv6",
  async fn() {
    await using authority = await Authority.open();
    const { proxy, ports } = await openProxy(authority);
    await using _proxy = proxy;
    const caCerts = [await Deno.readTextFile(authority.file)];
    for (const port of ports) {
      for (const host of HOSTS) {
        const plain = await Deno.connect({ hostname: host, port });
        using conn = await Deno.startTls(plain, { hostname: host, caCerts });
        await conn.handshake();
      }
    }
  },
});
