// TLS towards origins on either engine, with Deno's TLS at the origins: which certificates are
// trusted, and what happens to failed handshakes.

import assert from "node:assert/strict";
import { Authority, type SignedPair } from "../support/certificates.ts";
import { openTcpEngine } from "../support/tcp_engines.ts";
import { until } from "../support/wait.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Address } from "../../src/core/address.ts";
import type { Connection, TcpEngine } from "../../src/net/engine.ts";
import type { OriginHeader } from "../../src/net/naming_engine.ts";
import { originEngine } from "../../src/net/origin_engine.ts";
import type { TlsFailure } from "../../src/net/securing_engine.ts";
import { TlsClient } from "../../src/net/tls/tls_client.ts";
import { isLibcKnown } from "../../src/net/udp/libc.ts";

const authority = await Authority.open();
const PAIR = await authority.pair();
const NAMED = await authority.pair({ names: ["origin.example.com", "*.media.example.com"] });
const V6 = await authority.pair({ names: ["::1"] });
const EXPIRED = await authority.pair({ days: -1 });
await authority[Symbol.asyncDispose]();

/** Dials origins, and records failed dials. */
class World implements AsyncDisposable {
  readonly engine: TcpEngine;
  readonly client: TlsClient;
  readonly failures: TlsFailure[] = [];
  readonly #stack = new AsyncDisposableStack();

  constructor(kind: TcpEngine["kind"], header: OriginHeader = "off") {
    this.client = this.#stack.use(new TlsClient(PAIR.authority));
    this.engine = originEngine(openTcpEngine(systemClock, this.#stack, kind), {
      ...{ header: () => header, client: this.client },
      onFailed: (one) => this.failures.push(one),
    });
  }

  /** An origin that echoes everything. */
  echo(pair: SignedPair, hostname = "127.0.0.1"): number {
    const { certificate: cert, key } = pair;
    const listener = this.#stack.adopt(
      Deno.listenTls({ hostname, port: 0, cert, key }),
      (one) => one.close(),
    );
    const serving = this.#serve(listener);
    this.#stack.defer(() => void serving);
    return listener.addr.port;
  }

  async #serve(listener: Deno.TlsListener): Promise<void> {
    while (true) {
      const conn = await listener.accept().catch((error) => {
        if (error instanceof Deno.errors.BadResource) return undefined;
        return null;
      });
      if (conn === undefined) return;
      if (conn === null) continue;
      conn.readable.pipeTo(conn.writable).catch(() => {});
    }
  }

  dial(port: number, tls = "127.0.0.1", rest: Partial<Address> = {}): Promise<Connection> {
    const address = { host: "127.0.0.1", port, tls, ...rest };
    return this.engine.dial(address, { timeout: 2_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function assertEchoes(connection: Connection, length: number): Promise<void> {
  const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
  const written = connection.write(bytes);
  const heard = new Uint8Array(length);
  const buffer = new Uint8Array(16_384);
  for (let at = 0; at < length;) {
    const count = await connection.read(buffer);
    assert.ok(count !== null, `the end after ${at} bytes`);
    heard.set(buffer.subarray(0, count), at);
    at += count;
  }
  assert.ok(await written);
  assert.deepEqual(heard, bytes);
}

function test(name: string, run: (kind: TcpEngine["kind"]) => Promise<void>): void {
  for (const kind of ["deno", "libc"] as const) {
    const ignore = kind === "libc" && !isLibcKnown;
    Deno.test({ name: `${kind}: ${name}`, ignore, fn: () => run(kind) });
  }
}

test("origins are trusted by address or by name, also over IPv6", async (kind) => {
  await using world = new World(kind);
  const plain = world.echo(PAIR);
  for (const name of ["127.0.0.1", "localhost"]) {
    using connection = await world.dial(plain, name);
    assert.ok(connection.isSecure);
    for (const length of [1, 16_384, 1_000_000]) await assertEchoes(connection, length);
  }
  const named = world.echo(NAMED);
  for (const name of ["origin.example.com", "one.media.example.com"]) {
    using connection = await world.dial(named, name);
    await assertEchoes(connection, 1_000);
  }
  using connection = await world.dial(world.echo(V6, "::1"), "::1", { host: "::1" });
  await assertEchoes(connection, 1_000);
  assert.deepEqual(world.failures, []);
});

test("a certificate for another name, of another authority or expired is not trusted", async (kind) => {
  await using world = new World(kind);
  await using stranger = await Authority.open();
  const foreign = await stranger.pair();
  const cases = [
    [world.echo(PAIR), "127.0.0.2", /IP address mismatch/],
    [world.echo(PAIR), "origin.example.com", /[Hh]ostname mismatch/],
    [world.echo(NAMED), "a.b.media.example.com", /[Hh]ostname mismatch/],
    [world.echo(foreign), "127.0.0.1", /unable to get local issuer certificate/],
    [world.echo(EXPIRED), "127.0.0.1", /certificate has expired/],
  ] as const;
  for (const [port, name, why] of cases) {
    await assert.rejects(world.dial(port, name), {
      code: "origin_unreachable",
      message: "Origin's certificate is not trusted",
    });
    const [failure, ...others] = world.failures.splice(0);
    assert.deepEqual([others, failure?.address.port], [[], port]);
    assert.match(failure!.why, why);
  }
  const port = world.echo(foreign);
  world.client.replace(foreign.authority);
  using connection = await world.dial(port);
  await assertEchoes(connection, 1_000);
  world.client.replace(undefined);
  await assert.rejects(world.dial(port), { code: "origin_unreachable" });
  await assertEchoes(connection, 1_000);
});

test("a dial to a peer without TLS, or a silent one, fails in time", async (kind) => {
  await using world = new World(kind);
  using plain = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = plain.addr;
  const answering = (async () => {
    using conn = await plain.accept();
    await conn.read(new Uint8Array(2_000));
    await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await conn.read(new Uint8Array(2_000)).catch(() => null);
  })();
  await assert.rejects(world.dial(port), {
    code: "origin_unreachable",
    message: "Cannot speak TLS with the origin",
  });
  await answering;
  const leaving = plain.accept().then((conn) => conn.close());
  await assert.rejects(world.dial(port), { code: "origin_unreachable" });
  await leaving;
  assert.equal(world.failures.length, 2);
  const address = { host: "127.0.0.1", port, tls: "127.0.0.1" };
  await assert.rejects(world.engine.dial(address, { timeout: 200 }), { code: "origin_timeout" });
  const gone = new AbortController();
  const dialling = world.engine.dial(address, { timeout: 5_000, gone: gone.signal });
  using _silent = await plain.accept();
  using _asked = await plain.accept();
  gone.abort();
  await assert.rejects(dialling, { code: "client_gone" });
  assert.equal(world.failures.length, 2);
});

test("the PROXY header with the client comes before TLS", async (kind) => {
  await using world = new World(kind, "v2");
  using plain = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = plain.addr;
  const client = { host: "192.0.2.7", port: 1234 };
  const address = { host: "127.0.0.1", port, tls: "127.0.0.1" };
  const dialling = world.engine.dial(address, { timeout: 300, client });
  const failed = assert.rejects(dialling, { code: "origin_timeout" });
  using conn = await plain.accept();
  const said = new Uint8Array(29);
  for (let at = 0; at < said.length;) at += await conn.read(said.subarray(at)) ?? assert.fail();
  assert.deepEqual([...said.subarray(12, 20)], [0x21, 0x11, 0, 12, 192, 0, 2, 7]);
  assert.deepEqual([...said.subarray(28)], [0x16]);
  await failed;
});

test("SRS's prefix with the client comes inside TLS", async (kind) => {
  await using world = new World(kind, "srs");
  const { certificate: cert, key } = PAIR;
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const { port } = listener.addr;
  const address = { host: "127.0.0.1", port, tls: "127.0.0.1" };
  const client = { host: "192.0.2.7", port: 1234 };
  const dialling = world.engine.dial(address, { timeout: 2_000, client, protocol: "rtmp" });
  using conn = await listener.accept();
  const said = new Uint8Array(7);
  const reading = conn.read(said);
  using _connection = await dialling;
  assert.equal(await reading, 7);
  assert.deepEqual([...said], [0xf3, 0, 4, 192, 0, 2, 7]);
  assert.deepEqual(world.failures, []);
});

test("an origin that does not read blocks the sender, and nothing is lost", async (kind) => {
  await using world = new World(kind);
  const { certificate: cert, key } = PAIR;
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const dialling = world.dial(listener.addr.port);
  using conn = await listener.accept();
  const handshake = conn.handshake();
  using connection = await dialling;
  await handshake;
  const bytes = new Uint8Array(16_000_000).map((_, at) => (at * 31) & 0xff);
  const written = connection.write(bytes);
  await until("it wait", () => connection.isWriting);
  const buffer = new Uint8Array(65_536);
  for (let at = 0; at < bytes.length;) {
    const count = await conn.read(buffer) ?? assert.fail("the end");
    for (let index = 0; index < count; index++) assert.equal(buffer[index], bytes[at + index]);
    at += count;
  }
  assert.ok(await written);
});
