// TLS on either engine, with Deno and OpenSSL's own program as clients.

import assert from "node:assert/strict";
import { Authority, type SignedPair } from "../support/certificates.ts";
import { openTcpEngine } from "../support/tcp_engines.ts";
import { PipeEnding } from "../support/pipe_end.ts";
import { Unchanged } from "../support/unchanged.ts";
import { until } from "../support/wait.ts";
import { parseCidr } from "../../src/core/cidr.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Connection, TcpEngine } from "../../src/net/engine.ts";
import { Inbox } from "../../src/net/inbox.ts";
import { type TcpRefusal, TcpServer } from "../../src/net/tcp_server.ts";
import { newTicketKey } from "../../src/net/tls/session_tickets.ts";
import { TlsServer } from "../../src/net/tls/tls_server.ts";
import { isLibcKnown } from "../../src/net/udp/libc.ts";

const LOCAL = { host: "127.0.0.1", port: 0 };
const TICKET_KEYS = [newTicketKey()];
const authority = await Authority.open();
const PAIR = await authority.pair();
const OTHER = await authority.pair({ names: ["tv.example.com", "*.live.example.com"] });
const NEW = await authority.pair({ names: ["new.example.com"] });
await authority[Symbol.asyncDispose]();

/** A server with a plain and a TLS port that handles every connection the same way. */
class Port implements AsyncDisposable {
  readonly engine: TcpEngine;
  readonly tls: TlsServer;
  readonly server: TcpServer;
  readonly refused: TcpRefusal[] = [];
  readonly #stack = new AsyncDisposableStack();

  constructor(
    kind: TcpEngine["kind"],
    serve: (connection: Connection, engine: TcpEngine) => Promise<void> = echo,
    pairs: readonly SignedPair[] = [PAIR],
    limits = { maxConnections: 100, maxConnectionsPerAddress: 100 },
  ) {
    this.tls = this.#stack.use(new TlsServer({ pairs, ticketKeys: TICKET_KEYS }));
    this.engine = openTcpEngine(systemClock, this.#stack, kind);
    this.server = TcpServer.open({
      name: "test",
      ...{ listen: LOCAL, engine: this.engine },
      tls: { listen: LOCAL, server: () => this.tls },
      balancers: () => ({ header: "optional", trusted: [parseCidr("127.0.0.0/8")] }),
      openingTimeout: () => 500,
      limits: () => limits,
      serve: (connection) => serve(connection, this.engine),
      onRefused: (reason) => this.refused.push(reason),
      onError: (error) => assert.fail(String(error)),
    });
  }

  get port(): number {
    return this.server.secureAddress!.port;
  }

  async connect(hostname = "localhost"): Promise<Deno.TlsConn> {
    const plain = await this.plain();
    const conn = await Deno.startTls(plain, { hostname, caCerts: [PAIR.authority] });
    this.#stack.defer(() => close(conn));
    await conn.handshake();
    return conn;
  }

  async plain(): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    this.#stack.defer(() => close(conn));
    return conn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Deno's TLS has taken it over, or it is closed.
  }
}

async function echo(connection: Connection): Promise<void> {
  // Much smaller than a record.
  const buffer = new Uint8Array(700);
  for (let count; (count = await connection.read(buffer)) !== null;) {
    if (!await connection.write(buffer.slice(0, count))) return;
  }
  await connection.closeGently(1_000);
}

function sample(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function readExactly(conn: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await conn.read(bytes.subarray(at));
    assert.ok(count !== null, `the end after ${at} bytes`);
    at += count;
  }
  return bytes;
}

/** Resident memory of a process, megabytes. */
function residentOf(process: string): number {
  const status = Deno.readTextFileSync(`/proc/${process}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

function descriptorsOf(process: string): number {
  return [...Deno.readDirSync(`/proc/${process}/fd`)].length;
}

function test(name: string, run: (kind: TcpEngine["kind"]) => Promise<void>): void {
  for (const kind of ["deno", "libc"] as const) {
    const ignore = kind === "libc" && !isLibcKnown;
    Deno.test({ name: `${kind}: ${name}`, ignore, fn: () => run(kind) });
  }
}

test("TLS carries data both ways to the last byte", async (kind) => {
  await using port = new Port(kind);
  for (const length of [1, 699, 700, 16_384, 16_385, 1_000_000]) {
    const conn = await port.connect();
    const bytes = sample(length);
    const [echoed] = await Promise.all([readExactly(conn, length), writeAll(conn, bytes)]);
    assert.deepEqual(echoed, bytes);
    await conn.closeWrite();
    assert.equal(await conn.read(new Uint8Array(1)), null);
  }
  assert.deepEqual(port.refused, []);
});

test("pipes carry TLS to plain connections and back", async (kind) => {
  await using target = new Port(kind);
  const serve = async (from: Connection, engine: TcpEngine) => {
    const { address } = target.server;
    const to = await engine.dial(address, { timeout: 1_000 });
    const inbox = new Inbox(512);
    await inbox.require(from, 1);
    const [there, back] = [new PipeEnding(), new PipeEnding()];
    engine.pipe({ from, to, inbox, transform: new Unchanged(), owner: there });
    const ends = { from: to, to: from };
    engine.pipe({ ...ends, inbox: new Inbox(), transform: new Unchanged(), owner: back });
    await there.ended;
    await to.closeGently(500, back.ended);
  };
  await using port = new Port(kind, serve);
  const conn = await port.connect();
  // The inbox reads a part of the first record, and the pipe must find the rest.
  const first = sample(9_000);
  await writeAll(conn, first);
  assert.deepEqual(await readExactly(conn, first.length), first);
  const bytes = sample(3_000_000);
  const [echoed] = await Promise.all([readExactly(conn, bytes.length), writeAll(conn, bytes)]);
  assert.deepEqual(echoed, bytes);
});

test("a slow receiver blocks its sender and loses nothing", async (kind) => {
  const bytes = sample(8_000_000);
  const serve = async (connection: Connection) => {
    await connection.write(bytes);
    await connection.closeGently(2_000);
  };
  await using port = new Port(kind, serve);
  const conn = await port.connect();
  const connection = await until("it be served", () => [...port.server.connections][0]);
  await until("it to wait", () => connection.isWriting && connection.bytesTaken < 7_000_000);
  const received = await readExactly(conn, bytes.length);
  assert.ok(received.every((byte, at) => byte === bytes[at]));
});

test("the certificate matches the name, and new certificates apply to new connections", async (kind) => {
  await using port = new Port(kind, echo, [PAIR, OTHER]);
  const first = await port.connect();
  for (const name of ["localhost", "tv.example.com", "one.live.example.com"]) {
    const conn = await port.connect(name);
    await writeAll(conn, sample(10));
    assert.deepEqual(await readExactly(conn, 10), sample(10));
  }
  port.tls.replace({ pairs: [NEW], ticketKeys: TICKET_KEYS });
  await port.connect("new.example.com");
  await assert.rejects(port.connect("localhost"));
  await writeAll(first, sample(10));
  assert.deepEqual(await readExactly(first, 10), sample(10));
  assert.throws(
    () => port.tls.replace({ pairs: [{ ...PAIR, key: NEW.key }], ticketKeys: TICKET_KEYS }),
    {
      message: "Cannot use a private key that is not the certificate's",
    },
  );
  await port.connect("new.example.com");
});

test("a client that has ended is told of the other end, one that has not sees a truncation", async (kind) => {
  const serve = async (connection: Connection) => {
    const buffer = new Uint8Array(10);
    const count = await connection.read(buffer);
    if (buffer[0] === 1) assert.equal(await connection.read(buffer), null);
    assert.equal(count, 1);
    connection.close();
  };
  await using port = new Port(kind, serve);
  const ending = await port.connect();
  await ending.write(Uint8Array.of(1));
  await ending.closeWrite();
  assert.equal(await ending.read(new Uint8Array(1)), null);
  const cutOff = await port.connect();
  await cutOff.write(Uint8Array.of(2));
  await assert.rejects(cutOff.read(new Uint8Array(1)), Deno.errors.UnexpectedEof);
});

test("a PROXY header before TLS names the client, however the bytes are split", async (kind) => {
  const peers: string[] = [];
  await using port = new Port(kind, async (connection) => {
    peers.push(connection.peer.host);
    await echo(connection);
  });
  const plain = await port.plain();
  await writeAll(plain, new TextEncoder().encode("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"));
  const conn = await Deno.startTls(plain, { hostname: "localhost", caCerts: [PAIR.authority] });
  try {
    await writeAll(conn, sample(2_000));
    assert.deepEqual(await readExactly(conn, 2_000), sample(2_000));
    assert.deepEqual(peers, ["192.0.2.7"]);
  } finally {
    conn.close();
  }
});

test("limits count the clients of the plain and the TLS port together", async (kind) => {
  const most = 4;
  for (
    const [limits, reason] of [
      [{ maxConnections: most, maxConnectionsPerAddress: 100 }, "limit_total"],
      [{ maxConnections: 100, maxConnectionsPerAddress: most }, "limit_per_address"],
    ] as const
  ) {
    await using port = new Port(kind, echo, [PAIR], limits);
    const { port: plain } = port.server.address;
    const openPlain = () => Deno.connect({ hostname: "127.0.0.1", port: plain });
    using stack = new DisposableStack();
    for (let count = 0; count < most; count += 2) {
      const conn = stack.use(await openPlain());
      // Without these a client without a header would wait for its first byte.
      await writeAll(conn, sample(1));
      await readExactly(conn, 1);
      await port.connect();
    }
    await until("all be served", () => port.server.connections.size === most);
    using fifth = await openPlain();
    await writeAll(fifth, sample(1)).catch(() => {});
    assert.equal(await fifth.read(new Uint8Array(1)).catch(() => null), null);
    // The limit for an address may be reached only after the handshake: a balancer may be in front.
    const sixth = await port.connect().catch(() => undefined);
    assert.equal(await sixth?.read(new Uint8Array(1)).catch(() => null) ?? null, null);
    assert.deepEqual(port.refused, [reason, reason]);
  }
});

test("other protocols, silence and TLS versions before 1.2 are refused and counted", async (kind) => {
  await using port = new Port(kind);
  for (
    const text of [
      "GET / HTTP/1.1\r\n\r\n",
      "\x03".repeat(1537),
      "\x16\x03\x01\xff\xff",
      "\x16\x03\x01\0\x05\x01\0\0\xff\xff",
    ]
  ) {
    const conn = await port.plain();
    await writeAll(conn, new TextEncoder().encode(text));
    if (text.length > 100) await conn.closeWrite();
    const said = new Uint8Array(100);
    const count = await conn.read(said).catch(() => null);
    assert.ok(count === null || count <= 7, "an alert at most");
  }
  const silent = await port.plain();
  assert.equal(await silent.read(new Uint8Array(1)), null);
  for (const version of ["-tls1", "-tls1_1"]) {
    const { success } = await new Deno.Command("openssl", {
      args: [
        "s_client",
        version,
        "-cipher",
        "ALL:@SECLEVEL=0",
        "-connect",
        `127.0.0.1:${port.port}`,
      ],
      stdin: "null",
    }).output();
    assert.ok(!success, version);
  }
  await until("all be counted", () => port.refused.length === 7);
  assert.deepEqual(port.refused.toSorted(), [
    "proxy_header",
    ...new Array(6).fill("tls_handshake"),
  ]);
  await port.connect();
});

test("renegotiation is refused", async (kind) => {
  await using port = new Port(kind);
  const process = new Deno.Command("openssl", {
    args: ["s_client", "-tls1_2", "-connect", `127.0.0.1:${port.port}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await until("it be served", () => port.server.connections.size === 1);
  await writer.write(new TextEncoder().encode("R\n"));
  const { stderr } = await process.output();
  assert.match(new TextDecoder().decode(stderr), /no renegotiation|handshake failure/i);
  await writer.close().catch(() => {});
});

test("nothing remains of 10,000 handshakes abandoned in any phase", async (kind) => {
  await using port = new Port(kind);
  const hello = new Uint8Array(300);
  const recorder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asking = Deno.connect({ hostname: "127.0.0.1", port: recorder.addr.port }).then((conn) => {
    return Deno.startTls(conn, { hostname: "localhost" }).then(async (tls) => {
      await tls.handshake().finally(() => tls.close());
    });
  });
  const asked = await recorder.accept();
  const length = await asked.read(hello);
  asked.close();
  recorder.close();
  await assert.rejects(asking);
  const phases = [
    () => {},
    async (conn: Deno.Conn, time: number) => {
      await writeAll(conn, hello.subarray(0, 1 + time % length!));
    },
    async (conn: Deno.Conn) => await writeAll(conn, hello.subarray(0, length!)),
    async (conn: Deno.Conn) => {
      await writeAll(conn, hello.subarray(0, length!));
      await conn.read(new Uint8Array(4_000));
      await writeAll(conn, hello.subarray(0, length!));
    },
  ];
  const giveUp = async (times: number) => {
    for (let time = 0; time < times; time++) {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port: port.port });
      await phases[time % phases.length]!(conn, time);
    }
    await until("all have gone", () => port.server.connections.size === 0);
  };
  await giveUp(1_000);
  const [descriptors, memory] = [descriptorsOf("self"), residentOf("self")];
  await giveUp(10_000);
  await until("all descriptors be free", () => descriptorsOf("self") <= descriptors);
  const grown = residentOf("self") - memory;
  // OpenSSL's memory would show if a tenth of them were leaked.
  assert.ok(grown < 30, `${grown} MB more, beside ${memory} MB`);
  await port.server[Symbol.asyncDispose]();
});
