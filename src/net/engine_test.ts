// One contract, two engines: what relays may rely on, tested with real sockets.

import assert from "node:assert/strict";
import { openTcpEngine } from "../../tests/support/tcp_engines.ts";
import { PipeEnding } from "../../tests/support/pipe_end.ts";
import { Unchanged } from "../../tests/support/unchanged.ts";
import { pause, until } from "../../tests/support/wait.ts";
import { systemClock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Connection, Listener, TcpEngine, Transform } from "./engine.ts";
import { Inbox } from "./inbox.ts";
import { isLibcKnown } from "./udp/libc.ts";

/** A running engine in this thread, with a port and connections to it. */
class World implements AsyncDisposable {
  readonly engine: TcpEngine;
  readonly listener: Listener;
  readonly #stack: AsyncDisposableStack;

  constructor(kind: TcpEngine["kind"]) {
    this.#stack = new AsyncDisposableStack();
    this.engine = openTcpEngine(systemClock, this.#stack, kind);
    const listen = { host: "127.0.0.1", port: 0 };
    this.listener = this.engine.listen({ name: "test", listen, reusePort: false });
    this.#stack.defer(() => this.listener.close());
  }

  get port(): number {
    return this.listener.address.port;
  }

  /** A peer on Deno's sockets, and the engine's end of its connection. */
  async connect(): Promise<[Connection, Deno.TcpConn]> {
    const [near, far] = await Promise.all([
      this.listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: this.port }),
    ]);
    this.#stack.use(near!);
    this.#stack.defer(() => closeQuietly(far));
    return [near!, far];
  }

  /** Two peers and a pipe between them. */
  async piped(transform: Transform = new Unchanged(), inbox = new Inbox()) {
    const [from, sender] = await this.connect();
    const [to, receiver] = await this.connect();
    const owner = new PipeEnding();
    const pipe = this.engine.pipe({ from, to, inbox, transform, owner });
    return { from, to, sender, receiver, pipe, inbox, owner };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Stops after the first 0xff, and inserts a piece of its own before each push. */
class UntilMark implements Transform {
  isStopped = false;
  readonly untouched = -1;
  readonly #pieces: Uint8Array[] = [];

  push(bytes: Uint8Array, start: number, end: number): number {
    const at = bytes.subarray(0, end).indexOf(0xff, start);
    const taken = at < 0 ? end : at + 1;
    if (at >= 0) this.isStopped = true;
    this.#pieces.push(Uint8Array.of(0xee), bytes.subarray(start, taken));
    return taken;
  }

  takePieces(): Uint8Array[] {
    return this.#pieces.splice(0);
  }
}

class Fails extends Unchanged {
  override push(): number {
    throw new Error("bad bytes");
  }
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch { /* It was closed by the test. */ }
}

/** Bytes in which missing or misplaced ones show. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0x7f;
  return bytes;
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function readAll(conn: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) return bytes.subarray(0, at);
    at += count;
  }
  return bytes;
}

/** Makes the peer vanish with RST instead of FIN. */
async function reset(conn: Deno.TcpConn, other: Connection): Promise<void> {
  // Closing with unread data sends a reset.
  await other.write(Uint8Array.of(1, 2, 3));
  await until("the bytes be there", () => other.bytesTaken >= 3);
  await pause(1);
  conn.close();
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ProxyError && error.code === code;
}

type Check = (world: World) => Promise<void>;

const CHECKS: Readonly<Record<string, Check>> = {
  "what is written is read, whole and in order": async (world) => {
    const [near, far] = await world.connect();
    const sent = pattern(3_000_000);
    const [isWhole, got] = await Promise.all([near.write(sent), readAll(far, sent.length)]);
    assert.equal(isWhole, true);
    assert.deepEqual(got, sent);
    assert.deepEqual([near.bytesOut, near.bytesTaken], [sent.length, sent.length]);
    const writing = writeAll(far, sent);
    const buffer = new Uint8Array(10_000);
    let total = 0;
    while (total < sent.length) {
      const count = await near.read(buffer);
      assert.deepEqual(buffer.subarray(0, count!), sent.subarray(total, total + count!));
      total += count!;
    }
    await writing;
    assert.equal(near.bytesIn, sent.length);
    assert.equal(near.peer.host, "127.0.0.1");
    assert.equal(near.peer.port, (far.localAddr as Deno.NetAddr).port);
  },

  "the peer's end is the end of reading, and what it reads is still written": async (world) => {
    const [near, far] = await world.connect();
    await writeAll(far, Uint8Array.of(7));
    await far.closeWrite();
    const buffer = new Uint8Array(8);
    assert.equal(await near.read(buffer), 1);
    assert.equal(await near.read(buffer), null);
    assert.equal(await near.write(Uint8Array.of(8)), true);
    assert.deepEqual(await readAll(far, 1), Uint8Array.of(8));
  },

  "a read and a write that wait end when the connection is closed": async (world) => {
    const [near] = await world.connect();
    const read = near.read(new Uint8Array(8));
    const write = near.write(new Uint8Array(30_000_000));
    await until("the write wait", () => near.isWriting);
    near.close();
    assert.deepEqual([await read, await write], [null, false]);
    assert.equal(near.closed, true);
    assert.equal(await near.read(new Uint8Array(8)), null);
    assert.equal(await near.write(Uint8Array.of(1)), false);
    near.close();
  },

  "a peer that is gone is the end of reading and of writing": async (world) => {
    const [near, far] = await world.connect();
    const [waiting, gone] = await world.connect();
    const read = waiting.read(new Uint8Array(8));
    await reset(gone, waiting);
    assert.equal(await read, null);
    await reset(far, near);
    await until("writing fail", async () => !await near.write(Uint8Array.of(1)));
    assert.equal(await near.read(new Uint8Array(8)), null);
  },

  "an orderly end brings the peer everything, and waits for its end": async (world) => {
    const [near, far] = await world.connect();
    const sent = pattern(2_000_000);
    const written = near.write(sent);
    const got = readAll(far, sent.length + 1);
    await written;
    const closing = near.closeGently(5_000);
    assert.deepEqual(await got, sent);
    far.close();
    await closing;
    assert.equal(near.closed, true);
  },

  "an orderly end has an end, whatever the peer does": async (world) => {
    const [near, far] = await world.connect();
    const talking = (async () => {
      while (true) await far.write(new Uint8Array(1000));
    })().catch(() => {});
    await near.closeGently(50);
    assert.equal(near.closed, true);
    await talking;
  },

  "a pipe moves everything, in order, at the pace of the receiver": async (world) => {
    const { from, to, sender, receiver, owner } = await world.piped();
    const sent = pattern(20_000_000);
    const writing = writeAll(sender, sent);
    await until("the receiver be full", () => to.isWriting && from.bytesIn > 100_000);
    let before = -1;
    await until("the pipe rest", async () => {
      const rests = before === from.bytesIn;
      before = from.bytesIn;
      await pause(20);
      return rests;
    });
    assert.ok(from.bytesIn - to.bytesTaken <= 65_536, "no more than one read is held");
    assert.deepEqual(await readAll(receiver, sent.length), sent);
    await writing;
    assert.deepEqual([from.bytesIn, to.bytesOut], [sent.length, sent.length]);
    sender.close();
    assert.equal(await owner.ended, "sender_closed");
    assert.equal(to.isWriting, false);
    assert.equal(to.closed, false);
  },

  "a pipe stops where its transform stops, and leaves the rest": async (world) => {
    const inbox = new Inbox();
    inbox.put(Uint8Array.of(1, 2));
    const { sender, receiver, owner } = await world.piped(new UntilMark(), inbox);
    assert.deepEqual(await readAll(receiver, 3), Uint8Array.of(0xee, 1, 2));
    await writeAll(sender, Uint8Array.of(3, 0xff, 4, 5));
    assert.equal(await owner.ended, "stopped");
    assert.deepEqual(await readAll(receiver, 3), Uint8Array.of(0xee, 3, 0xff));
    assert.deepEqual(inbox.bytes, Uint8Array.of(4, 5));
  },

  "a pipe that is stopped can go on, with another transform": async (world) => {
    const { from, to, sender, receiver, owner, inbox } = await world.piped(new UntilMark());
    await writeAll(sender, Uint8Array.of(0xff, 9));
    assert.equal(await owner.ended, "stopped");
    const next = new PipeEnding();
    world.engine.pipe({ from, to, inbox, transform: new Unchanged(), owner: next });
    await writeAll(sender, Uint8Array.of(10));
    assert.deepEqual(await readAll(receiver, 4), Uint8Array.of(0xee, 0xff, 9, 10));
    sender.close();
    assert.equal(await next.ended, "sender_closed");
  },

  "what a transform throws ends the pipe, and nothing else": async (world) => {
    const { from, to, sender, owner } = await world.piped(new Fails());
    const ended = assert.rejects(owner.ended, /bad bytes/);
    await writeAll(sender, Uint8Array.of(1));
    await ended;
    assert.deepEqual([from.closed, to.closed], [false, false]);
  },

  "bytes of our own go between two pieces, never into one": async (world) => {
    const { to, sender, receiver, pipe } = await world.piped();
    await writeAll(sender, Uint8Array.of(1));
    assert.deepEqual(await readAll(receiver, 1), Uint8Array.of(1));
    assert.equal(pipe.insert(() => Uint8Array.of(2)), true);
    assert.deepEqual(await readAll(receiver, 1), Uint8Array.of(2));
    const sent = pattern(20_000_000);
    const writing = writeAll(sender, sent);
    await until("the receiver be full", () => to.isWriting);
    assert.equal(pipe.insert(() => assert.fail("asked for nothing")), false);
    assert.deepEqual(await readAll(receiver, sent.length), sent);
    await writing;
  },

  "a pipe ends with either of its connections": async (world) => {
    const one = await world.piped();
    one.from.close();
    assert.equal(await one.owner.ended, "sender_closed");
    const other = await world.piped();
    const writing = writeAll(other.sender, new Uint8Array(20_000_000)).catch(() => {});
    await until("the receiver be full", () => other.to.isWriting);
    other.to.close();
    assert.equal(await other.owner.ended, "receiver_closed");
    other.sender.close();
    await writing;
    const third = await world.piped();
    await reset(third.receiver, third.to);
    let end: string | undefined;
    third.owner.ended.then((how: string) => end = how);
    await until("the end be seen", async () => {
      await writeAll(third.sender, Uint8Array.of(1)).catch(() => {});
      return end !== undefined;
    });
    assert.equal(end, "receiver_closed");
  },

  "what was taken of a sender is written, although the sender is closed meanwhile": async (
    world,
  ) => {
    const { from, to, sender, receiver, owner } = await world.piped();
    const writing = writeAll(sender, pattern(20_000_000)).catch(() => {});
    await until("the receiver be full", () => to.isWriting);
    from.close();
    const taken = from.bytesIn;
    assert.deepEqual(await readAll(receiver, taken), pattern(taken));
    assert.equal(await owner.ended, "sender_closed");
    assert.deepEqual([to.bytesOut, to.isWriting, to.closed], [taken, false, false]);
    sender.close();
    await writing;
  },

  "what comes for a closed receiver goes to nobody else": async (world) => {
    const { to, sender, owner } = await world.piped();
    to.close();
    // It may well get the descriptor number of the closed one.
    const [, stranger] = await world.connect();
    await writeAll(sender, Uint8Array.of(1, 2, 3));
    assert.equal(await owner.ended, "receiver_closed");
    const read = stranger.read(new Uint8Array(8)).catch(() => null);
    assert.equal(await Promise.race([read, pause(30).then(() => "nothing")]), "nothing");
  },

  "an address is dialled, and both sides talk": async (world) => {
    const peer = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = { host: "127.0.0.1", port: peer.addr.port };
    const [near, far] = await Promise.all([
      world.engine.dial(address, { timeout: 2_000 }),
      peer.accept(),
    ]);
    assert.equal(await near.write(Uint8Array.of(1)), true);
    assert.deepEqual(await readAll(far, 1), Uint8Array.of(1));
    assert.deepEqual(near.peer, address);
    near.close();
    far.close();
    peer.close();
  },

  "a refused connection is the origin's fault": async (world) => {
    const peer = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = peer.addr;
    peer.close();
    const dialling = world.engine.dial({ host: "127.0.0.1", port }, { timeout: 1_000 });
    await assert.rejects(dialling, codeIs("origin_unreachable"));
  },

  "a client that has left is waited for by nobody": async (world) => {
    const gone = AbortSignal.abort();
    const dialling = world.engine.dial({ host: "127.0.0.1", port: 9 }, { timeout: 1_000, gone });
    await assert.rejects(dialling, codeIs("client_gone"));
  },

  "a closed listener gives nobody": async (world) => {
    const waiting = world.listener.accept();
    world.listener.close();
    assert.equal(await waiting, undefined);
    assert.equal(await world.listener.accept(), undefined);
  },

  "a taken port is named in one clear line": (world) => {
    const listen = { host: "127.0.0.1", port: world.port };
    const open = () => world.engine.listen({ name: "RTMP", listen, reusePort: false });
    assert.throws(open, {
      message: new RegExp(`^Cannot listen for RTMP on 127.0.0.1:${world.port}: Address`),
    });
    return Promise.resolve();
  },
};

for (const kind of ["deno", "libc"] as const) {
  for (const [name, check] of Object.entries(CHECKS)) {
    Deno.test({
      name: `${kind}: ${name}`,
      ignore: kind === "libc" && !isLibcKnown,
      fn: async () => {
        await using world = new World(kind);
        await check(world);
      },
    });
  }
}
