// Crowds of malicious or broken clients while others watch: each is disconnected in time, and
// nobody else is affected. The relay's own tests cover what a single client can do wrong.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { megabytesOf } from "../support/proxy_figures.ts";
import { Registration } from "../support/register.ts";
import { within } from "../support/wait.ts";

const HANDSHAKE = 1_000;
const IDENTIFY = 2_000;
const SLACK = 2_000;
const HANDSHAKE_SIZE = 1_536;
const MORE_MEMORY = 64;

/** Reads until the other side ends the connection, in whatever way. */
async function untilClosed(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await connection.read(buffer) !== null);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

/** Writes until done or the other side has ended the connection. */
async function write(connection: Deno.Conn, bytes: Uint8Array): Promise<boolean> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    return true;
  } catch (error) {
    const expected = [Deno.errors.BrokenPipe, Deno.errors.ConnectionReset];
    if (!expected.some((type) => error instanceof type)) throw error;
    return false;
  }
}

async function readExactly(connection: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) throw new Error("Cannot read: the connection has ended");
    at += count;
  }
  return bytes;
}

async function shakeHands(connection: Deno.Conn): Promise<void> {
  await write(connection, Uint8Array.of(3, ...new Uint8Array(HANDSHAKE_SIZE)));
  const answer = await readExactly(connection, 1 + 2 * HANDSHAKE_SIZE);
  assert.equal(answer[0], 3);
  await write(connection, answer.subarray(1, 1 + HANDSHAKE_SIZE));
}

function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** What a bad client does, and within how many milliseconds it must be disconnected. */
interface BadClient {
  readonly name: string;
  readonly deadline: number;
  /** Whether it does a proper handshake first. */
  readonly shakesHands?: boolean;
  act(connection: Deno.Conn): Promise<void>;
}

const BAD_CLIENTS: readonly BadClient[] = [
  { name: "says nothing", deadline: HANDSHAKE, act: async () => {} },
  {
    name: "is idle after the handshake",
    deadline: IDENTIFY,
    shakesHands: true,
    act: async () => {},
  },
  {
    name: "sends noise from the start",
    deadline: HANDSHAKE + IDENTIFY,
    async act(connection) {
      await write(connection, randomBytes(64 * 1024));
    },
  },
  {
    name: "sends noise after the handshake",
    deadline: IDENTIFY,
    shakesHands: true,
    async act(connection) {
      await write(connection, randomBytes(64 * 1024));
    },
  },
  {
    name: "announces a message of 16 MiB on many chunk streams",
    deadline: IDENTIFY,
    shakesHands: true,
    async act(connection) {
      const size = [0xff, 0xff, 0xff];
      for (let stream = 64; stream < 320; stream++) {
        const header = [0, stream - 64, 0, 0, 0, ...size, 20, 0, 0, 0, 0];
        if (!await write(connection, Uint8Array.of(...header, ...new Uint8Array(128)))) return;
      }
    },
  },
];

async function assertShownTheDoor(port: number, client: BadClient): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  if (client.shakesHands === true) await shakeHands(connection);
  const acting = client.act(connection);
  const what = `the end of a client that ${client.name}`;
  await within(what, client.deadline + SLACK, untilClosed(connection));
  await acting;
}

Deno.test({
  name: "bad clients are disconnected in time, while a viewer misses nothing",
  timeout: 120_000,
  async fn() {
    await using proxy = await Proxy.open({
      PROXY_RTMP_HANDSHAKE_TIMEOUT: `${HANDSHAKE}ms`,
      PROXY_RTMP_IDENTIFY_TIMEOUT: `${IDENTIFY}ms`,
    });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await viewer.moreVideo(5);
    const before = megabytesOf(proxy);
    const crowd = Array.from({ length: 20 }, () => BAD_CLIENTS).flat();
    await Promise.all(crowd.map((client) => assertShownTheDoor(proxy.ports.rtmp, client)));
    await viewer.moreVideo(5);
    assertContiguous(viewer.video, 101);
    assertContiguous(viewer.audio, 24);
    const grown = megabytesOf(proxy) - before;
    assert.ok(grown < MORE_MEMORY, `the proxy has grown by ${grown} MiB`);
    assert.ok(proxy.process.running && await proxy.isReady());
  },
});
