// TLS as the engines speak it, record by record, with clients that misbehave.

import assert from "node:assert/strict";
import { Authority } from "../../../tests/support/certificates.ts";
import { openTcpEngine } from "../../../tests/support/tcp_engines.ts";
import { TLS_1_2, TLS_1_3, TlsPeer } from "../../../tests/support/tls_peer.ts";
import { PipeEnding } from "../../../tests/support/pipe_end.ts";
import { until, within } from "../../../tests/support/wait.ts";
import { systemClock } from "../../core/clock.ts";
import { ProtocolError } from "../../core/errors.ts";
import type { Connection, Listener, TcpEngine, Transform } from "../engine.ts";
import { Inbox } from "../inbox.ts";
import type { LibcConnection } from "../libc/tcp_connection.ts";
import * as c from "../udp/libc.ts";
import { openLibrary } from "./openssl.ts";
import { newTicketKey } from "./session_tickets.ts";
import type { TlsKeys } from "./tls_keys.ts";
import { TlsServer } from "./tls_server.ts";
import type { TlsTransport } from "./tls_session.ts";

const TEXT = new TextEncoder();
const TICKET_KEY = newTicketKey();
const TCP_INFO = 11;
const DATA_SEGMENTS_OUT = 156;

function keysOf(...pairs: TlsKeys["pairs"]): TlsKeys {
  return { pairs, ticketKeys: [TICKET_KEY] };
}

/** A running engine in this thread with a TLS port. */
class World implements AsyncDisposable {
  readonly authority: Authority;
  readonly server: TlsServer;
  readonly engine: TcpEngine;
  readonly listener: Listener;
  readonly #stack: AsyncDisposableStack;

  private constructor(authority: Authority, server: TlsServer, kind: TcpEngine["kind"]) {
    this.authority = authority;
    this.server = server;
    this.#stack = new AsyncDisposableStack();
    this.#stack.use(authority);
    this.#stack.use(server);
    this.engine = openTcpEngine(systemClock, this.#stack, kind);
    this.listener = this.engine.listen({
      ...{ name: "test", listen: { host: "127.0.0.1", port: 0 }, reusePort: false },
      tls: () => server,
    });
    this.#stack.defer(() => this.listener.close());
  }

  static async open(kind: TcpEngine["kind"], asks = false): Promise<World> {
    const authority = await Authority.open();
    const pair = await authority.pair();
    const server = new TlsServer(keysOf(pair), asks ? { authorities: pair.authority } : {});
    return new World(authority, server, kind);
  }

  async connect(): Promise<[Connection, Deno.TcpConn]> {
    const [near, far] = await Promise.all([
      this.listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: this.listener.address.port }),
    ]);
    this.#stack.use(near!);
    this.#stack.defer(() => closeQuietly(far));
    return [near!, far];
  }

  /** Makes the peer accept a ticket, which it presents from then on. */
  async takeTicket(peer: TlsPeer): Promise<void> {
    const [near, far] = await this.shaken(peer);
    await Promise.all([near.write(TEXT.encode("x")), peer.read(far)]);
    peer.keepSession();
  }

  /** A connection after its handshake, the client's end of it, and the client's TLS. */
  async shaken(
    peer = this.#stack.use(new TlsPeer()),
  ): Promise<[Connection, Deno.TcpConn, TlsPeer]> {
    const [near, far] = await this.connect();
    await Promise.all([near.secure(), peer.shake(far)]);
    return [near, far, peer];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // Already closed by the test.
  }
}

/** Takes everything and has no output. */
class Swallows implements Transform {
  readonly isStopped = false;
  readonly untouched = 0;
  readonly #onPush: () => void;

  constructor(onPush: () => void) {
    this.#onPush = onPush;
  }

  push(_bytes: Uint8Array, _start: number, end: number): number {
    this.#onPush();
    return end;
  }

  takePieces(): Uint8Array[] {
    return [];
  }
}

const ENGINES: readonly TcpEngine["kind"][] = c.isLibcKnown ? ["libc", "deno"] : ["deno"];
const LIBC_ONLY = { ignore: !c.isLibcKnown };

for (const kind of ENGINES) {
  Deno.test(`${kind}: a closed connection does not start TLS`, async () => {
    await using world = await World.open(kind);
    const [near] = await world.connect();
    near.close();
    let begun = 0;
    const open = (transport: TlsTransport) => {
      begun++;
      return world.server.open(transport);
    };
    await assert.rejects(near.secure({ open }), ProtocolError);
    assert.equal(begun, 0);
  });

  Deno.test(`${kind}: an error left by another connection ends no connection`, async () => {
    await using world = await World.open(kind);
    const [near, far, peer] = await world.shaken();
    const library = openLibrary();
    const { symbols } = library;
    assert.equal(
      symbols.PEM_read_bio_X509(symbols.BIO_new(symbols.BIO_s_mem()), null, null, null),
      null,
    );
    const reading = near.read(new Uint8Array(16));
    await far.write(peer.encrypt(TEXT.encode("on")));
    assert.equal(await reading, 2);
    symbols.ERR_clear_error();
    library.close();
  });

  Deno.test(`${kind}: a client that was certified must present its certificate to a new authority`, async () => {
    await using world = await World.open(kind, true);
    await world.authority.pair();
    const { folder } = world.authority;
    const shown = { certificate: folder.file("pair2.pem"), key: folder.file("pair2.key") };
    using peer = new TlsPeer({ shown });
    const [near, far] = await world.shaken(peer);
    assert.ok(near.isCertified);
    await Promise.all([near.write(TEXT.encode("x")), peer.read(far)]);
    peer.keepSession();
    await using other = await Authority.open();
    const pair = await other.pair();
    world.server.replace(keysOf(await world.authority.pair()), pair.authority);
    const [again, back] = await world.connect();
    const shaking = peer.shake(back).catch(() => {});
    await again.secure().catch(() => again.close());
    assert.ok(again.closed || !again.isCertified);
    await shaking;
  });
}

for (const version of [TLS_1_2, TLS_1_3]) {
  const name = `sessions of TLS 1.${version - TLS_1_2 + 2}`;

  Deno.test(`${name} are resumed wherever their ticket's key is known`, async () => {
    await using world = await World.open("deno");
    const pair = await world.authority.pair();
    using peer = new TlsPeer({ version });
    await world.takeTicket(peer);
    const isResumedWith = async (...ticketKeys: TlsKeys["ticketKeys"]) => {
      // Contexts of its own, as in another thread.
      using server = new TlsServer({ pairs: [pair], ticketKeys });
      const [near, far] = await world.connect();
      await Promise.all([near.secure(server), peer.shake(far)]);
      near.close();
      return peer.isResumed;
    };
    assert.equal(await isResumedWith(TICKET_KEY), true);
    assert.equal(await isResumedWith(newTicketKey(), TICKET_KEY), true);
    assert.equal(await isResumedWith(newTicketKey()), false);
    assert.equal(await isResumedWith(TICKET_KEY), true);
  });

  Deno.test(`${name} are resumed until their key has gone, while the server runs`, async () => {
    await using world = await World.open("deno");
    const pair = await world.authority.pair();
    using peer = new TlsPeer({ version });
    const later = newTicketKey();
    world.server.replace({ pairs: [pair], ticketKeys: [TICKET_KEY] });
    await world.takeTicket(peer);
    world.server.replace({ pairs: [pair], ticketKeys: [later, TICKET_KEY] });
    await world.takeTicket(peer);
    assert.equal(peer.isResumed, true);
    world.server.replace({ pairs: [pair], ticketKeys: [newTicketKey(), later] });
    await world.shaken(peer);
    assert.equal(peer.isResumed, true);
    world.server.replace({ pairs: [pair], ticketKeys: [newTicketKey()] });
    await world.shaken(peer);
    assert.equal(peer.isResumed, false);
  });
}

Deno.test("TLS 1.3 sends no tickets where it is not to, and works", async () => {
  await using world = await World.open("deno");
  using peer = new TlsPeer({ version: TLS_1_3 });
  for (const isOffered of [false, true, false]) {
    const [near, far] = await world.connect();
    const opener = isOffered ? world.server : world.server.withoutTickets;
    await Promise.all([near.secure(opener), peer.shake(far)]);
    assert.equal(peer.isResumed, false);
    await Promise.all([near.write(TEXT.encode("x")), peer.read(far)]);
    assert.equal(peer.hasTicket, isOffered);
    near.close();
  }
});

Deno.test("a certificate in the chain that OpenSSL rejects is named as the reason", async () => {
  await using authority = await Authority.open();
  const { certificate, key } = await authority.pair();
  const weak = await authority.weak();
  const wrong = /^Cannot use a certificate of the chain: .*too small/;
  assert.throws(
    () => new TlsServer(keysOf({ certificate: certificate + weak, key })),
    ({ message }: Error) => wrong.test(message),
  );
});

/** Segments with data that a connection has sent, of `struct tcp_info` (tcp(7)). */
function segmentsOf({ fd }: LibcConnection): number {
  const library = c.openLibc();
  const info = new Uint8Array(160);
  const length = new Uint8Array(Int32Array.of(info.length).buffer);
  const result = library.symbols.getsockopt(fd, c.IPPROTO_TCP, TCP_INFO, info, length);
  library.close();
  assert.equal(result, 0);
  return new DataView(info.buffer).getUint32(DATA_SEGMENTS_OUT, true);
}

Deno.test({
  ...LIBC_ONLY,
  name: "libc: records that lie ready leave in one piece, and none waits for more",
  async fn() {
    await using world = await World.open("libc");
    const [near, far, peer] = await world.shaken();
    for (const bytes of [30_000, 100, 16_385]) {
      const before = segmentsOf(near as LibcConnection);
      assert.equal(await near.write(new Uint8Array(bytes)), true);
      for (let got = 0; got < bytes;) got += (await peer.read(far)).length;
      assert.equal(segmentsOf(near as LibcConnection) - before, 1, `${bytes} bytes`);
    }
  },
});

Deno.test({
  ...LIBC_ONLY,
  name: "libc: a flood of new keys is taken piece by piece",
  async fn() {
    await using world = await World.open("libc");
    const [near, far, peer] = await world.shaken();
    const flood = peer.keyUpdates(4_000, false);
    const last = peer.encrypt(TEXT.encode("last"));
    await far.write(flood);
    await far.write(last);
    const buffer = new Uint8Array(65_536);
    assert.equal((near as LibcConnection).receive(buffer), undefined);
    assert.equal(await near.read(buffer), 4);
  },
});

Deno.test({
  ...LIBC_ONLY,
  name: "libc: who asks for new keys is read on once it has taken the answers",
  async fn() {
    await using world = await World.open("libc");
    const [near, far, peer] = await world.shaken();
    const connection = near as LibcConnection;
    const libc = c.openLibc();
    const little = new Uint8Array(Int32Array.of(65_536).buffer);
    libc.symbols.setsockopt(connection.fd, c.SOL_SOCKET, c.SO_SNDBUF, little, little.length);
    let looks = 0;
    const receive = connection.receive.bind(connection);
    connection.receive = (buffer) => {
      looks++;
      return receive(buffer);
    };
    const reading = near.read(new Uint8Array(16));
    const writing = far.write(peer.keyUpdates(40_000, true));
    let before = 0;
    await until("it rests", () => {
      const rests = before > 0 && looks - before < 100;
      before = looks;
      return rests;
    }, { timeout: 5_000, interval: 100 });
    const answers = (async () => {
      while (await far.read(new Uint8Array(65_536)) !== null);
    })().catch(() => {});
    await writing;
    await far.write(peer.encrypt(TEXT.encode("last")));
    assert.equal(await within("the last", 8_000, reading), 4);
    near.close();
    await answers;
    libc.close();
  },
});

Deno.test({
  ...LIBC_ONLY,
  name: "libc: one fast sender leaves the others their turn",
  async fn() {
    await using world = await World.open("libc");
    const [fast, far, peer] = await world.shaken();
    const [to] = await world.connect();
    const [slow, slowSender] = await Promise.all([
      world.listener.accept(),
      world.engine.dial(world.listener.address, { timeout: 5_000 }),
    ]);
    const order: string[] = [];
    const pipe = (from: Connection, onPush: () => void) => {
      const [inbox, owner] = [new Inbox(), new PipeEnding()];
      world.engine.pipe({ from, to, inbox, transform: new Swallows(onPush), owner });
    };
    await far.write(peer.encrypt(new Uint8Array(500_000)));
    pipe(slow!, () => order.push("slow"));
    pipe(fast, () => {
      if (order.length === 0) (slowSender as LibcConnection).send(Uint8Array.of(1));
      order.push("fast");
    });
    await until("both", () => order.includes("slow") && order.length > 7);
    assert.ok(order.indexOf("slow") <= 2, order.join());
    slow!.close();
    slowSender.close();
  },
});
