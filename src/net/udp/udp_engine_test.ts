import assert from "node:assert/strict";
import { CLOSE, ECHO, UdpForwarder } from "../../../tests/support/udp_forwarder.ts";
import { until } from "../../../tests/support/wait.ts";
import { systemClock } from "../../core/clock.ts";
import { ProxyError } from "../../core/errors.ts";
import { EventLoop, type RunOptions } from "../libc/event_loop.ts";
import { openEngine } from "./engine.ts";
import { FrontSockets } from "./front_sockets.ts";
import { isLibcKnown, openLibc } from "./libc.ts";
import type { UdpEngine, UdpEngineOptions } from "./port.ts";

const KINDS = isLibcKnown ? ["libc", "deno"] as const : ["deno"] as const;

/** An engine in this thread with a relay. */
class World implements AsyncDisposable {
  readonly engine: UdpEngine;
  readonly relay: UdpForwarder;
  /** Rejects when the relay has failed. */
  readonly running: Promise<unknown>;
  readonly #stack = new AsyncDisposableStack();

  constructor(
    kind: UdpEngine["kind"],
    origin: Peer,
    { host = "127.0.0.1", ...options }: Partial<UdpEngineOptions> & { readonly host?: string } = {},
  ) {
    const library = kind === "libc" ? openLibc() : undefined;
    const loop = library && new EventLoop(library.symbols);
    const listen = { host, port: 0 };
    const clock = loop?.clock ?? systemClock;
    const whole = { clock, listen, tick: 20, maxLinks: 50, ...options };
    this.#stack.defer(() => {
      loop?.[Symbol.dispose]();
      library?.close();
    });
    this.engine = openEngine(loop, whole);
    this.relay = new UdpForwarder(this.engine, { host, port: origin.port });
    const moving = this.engine.run(this.relay);
    const looping = loop?.run({ blocks: false } satisfies RunOptions);
    this.running = Promise.race([moving, looping ?? moving]);
    this.running.catch(() => {});
    this.#stack.defer(async () => {
      this.engine.close();
      loop?.stop();
      await Promise.allSettled([moving, looping]);
    });
  }

  get port(): number {
    return this.engine.address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A UDP socket of a client or an origin. */
class Peer implements Disposable {
  readonly host: string;
  readonly #socket: Deno.DatagramConn;

  constructor(host = "127.0.0.1") {
    this.host = host;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: host, port: 0 });
  }

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  async send(bytes: Uint8Array, port: number): Promise<void> {
    await this.#socket.send(bytes, { transport: "udp", hostname: this.host, port });
  }

  /** The next datagram and the port that it came from. */
  async next(): Promise<{ bytes: number[]; port: number }> {
    const [bytes, from] = await this.#socket.receive();
    return { bytes: [...bytes], port: (from as Deno.NetAddr).port };
  }

  [Symbol.dispose](): void {
    try {
      this.#socket.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

function packet(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

for (const kind of KINDS) {
  for (const host of ["127.0.0.1", "::1"]) {
    Deno.test(`${kind}: datagrams go both ways, for each client over its own link, over ${host}`, async () => {
      using origin = new Peer(host);
      await using world = new World(kind, origin, { host });
      const { port } = world;
      assert.equal(world.engine.kind, kind);
      const clients = Array.from({ length: 20 }, () => new Peer(host));
      try {
        for (const [index, client] of clients.entries()) await client.send(packet(index), port);
        const ways = new Map<number, number>();
        while (ways.size < clients.length) {
          const { bytes, port } = await origin.next();
          ways.set(bytes[0]!, port);
        }
        assert.equal(new Set(ways.values()).size, clients.length, "a link for each");
        for (const [index, port] of ways) await origin.send(packet(index, 0xff), port);
        for (const [index, client] of clients.entries()) {
          assert.deepEqual(await client.next(), { bytes: [index, 0xff], port });
        }
      } finally {
        for (const client of clients) client[Symbol.dispose]();
      }
    });
  }

  Deno.test(`${kind}: a burst arrives whole and in order, also the empty and the largest`, async () => {
    using origin = new Peer();
    using client = new Peer();
    await using world = new World(kind, origin);
    const sizes = [1, 0, 2048, 2049, 1200, ...new Array<number>(60).fill(7)];
    for (const [index, size] of sizes.entries()) {
      await client.send(new Uint8Array(size).fill(index), world.port);
    }
    for (const [index, size] of sizes.entries()) {
      if (size > 2048) continue;
      assert.deepEqual((await origin.next()).bytes, new Array(size).fill(index));
    }
    await until("the loss be counted", () => world.engine.drops.truncated === 1);
  });

  Deno.test(`${kind}: what an origin sends after a silence arrives whole and in order, also in a burst`, async () => {
    using origin = new Peer();
    using client = new Peer();
    await using world = new World(kind, origin);
    await client.send(packet(1), world.port);
    const { port } = await origin.next();
    // Silent is a link that was not read in the round before: something else has to have happened.
    const beSilent = async () => {
      await client.send(packet(1), world.port);
      await origin.next();
    };
    let lost = 0;
    for (const first of [1, 0, 2048, 2049]) {
      const sizes = [first, 0, 2048, 2049, ...new Array<number>(40).fill(7)];
      await beSilent();
      for (const [index, size] of sizes.entries()) {
        await origin.send(new Uint8Array(size).fill(index), port);
      }
      for (const [index, size] of sizes.entries()) {
        if (size > 2048) lost++;
        else assert.deepEqual((await client.next()).bytes, new Array(size).fill(index));
      }
      await until("the losses be counted", () => world.engine.drops.truncated === lost);
      await beSilent();
      await origin.send(new Uint8Array(first).fill(9), port);
      if (first > 2048) lost++;
      else assert.deepEqual((await client.next()).bytes, new Array(first).fill(9));
      await until("the loss be counted", () => world.engine.drops.truncated === lost);
    }
  });

  Deno.test(`${kind}: a relay answers by itself, and closes a link inside a batch`, async () => {
    using origin = new Peer();
    using client = new Peer();
    await using world = new World(kind, origin);
    const { port } = world;
    await client.send(packet(ECHO, 1), port);
    assert.deepEqual(await client.next(), { bytes: [ECHO, 1], port });
    await client.send(packet(1), port);
    const first = await origin.next();
    for (const bytes of [packet(2), packet(CLOSE), packet(3)]) await client.send(bytes, port);
    let next = await origin.next();
    while (next.bytes[0] !== 3) next = await origin.next();
    assert.notEqual(next.port, first.port, "a new link after the old one");
    await origin.send(packet(9), next.port);
    assert.deepEqual((await client.next()).bytes, [9]);
  });

  Deno.test(`${kind}: links are bounded, and closed ones make room`, async () => {
    using origin = new Peer();
    await using world = new World(kind, origin, { maxLinks: 30 });
    const to = { host: "127.0.0.1", port: origin.port };
    const count = kind === "libc" ? 10_000 : 300;
    for (let done = 0; done < count; done++) world.engine.openLink(to).close();
    for (let open = 0; open < 30; open++) world.engine.openLink(to);
    assert.throws(() => world.engine.openLink(to), (error) => {
      return error instanceof ProxyError && error.code === "overloaded";
    });
  });

  Deno.test(`${kind}: a port in use is reported as such`, () => {
    using origin = new Peer();
    const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const library = kind === "libc" ? openLibc() : undefined;
    const loop = library && new EventLoop(library.symbols);
    const listen = { host: "127.0.0.1", port };
    const options = { clock: systemClock, listen, tick: 20, maxLinks: 1 };
    assert.throws(() => openEngine(loop, options), (error) => {
      assert.ok(error instanceof ProxyError);
      assert.match(error.message, /^Cannot listen for UDP on 127\.0\.0\.1:\d+: .*in use/);
      return true;
    });
    loop?.[Symbol.dispose]();
    library?.close();
    taken.close();
    assert.notEqual(origin.port, port);
  });

  Deno.test(`${kind}: what a relay throws is not lost`, async () => {
    using origin = new Peer();
    await using world = new World(kind, origin);
    world.relay.failure = new Error("on purpose");
    await assert.rejects(world.running, /on purpose/);
  });
}

Deno.test({
  name: "libc: a refusal by the origin's host is heard of",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using client = new Peer();
    const origin = new Peer();
    await using world = new World("libc", origin);
    origin[Symbol.dispose]();
    await client.send(packet(1), world.port);
    await until("a refusal", () => world.relay.refusals.length > 0);
  },
});

Deno.test({
  name:
    "libc: whoever takes over a socket gets what has come meanwhile, and every flow stays where it is",
  ignore: !isLibcKnown,
  fn: async () => {
    using origin = new Peer();
    const listen = { host: "127.0.0.1", port: 0 };
    using fronts = FrontSockets.open({ listen, count: 3, reusePort: false });
    const open = (lane: number) => new World("libc", origin, { front: fronts.descriptors[lane]! });
    await using stack = new AsyncDisposableStack();
    const worlds = [open(0), open(1), open(2)];
    stack.defer(async () => {
      for (const world of worlds) await world[Symbol.asyncDispose]();
    });
    const clients = Array.from({ length: 40 }, () => stack.use(new Peer()));
    const sendAll = async () => {
      for (const [index, client] of clients.entries()) {
        await client.send(packet(index), fronts.address.port);
      }
    };
    // The port from which each client's datagrams reach the origin.
    const heard = async () => {
      const ports: number[] = [];
      for (const _ of clients) {
        const { bytes: [index = 0], port } = await origin.next();
        ports[index] = port;
      }
      return ports;
    };
    await sendAll();
    const before = await heard();
    await worlds[1]![Symbol.asyncDispose]();
    await sendAll();
    worlds[1] = open(1);
    const after = await heard();
    const moved = after.filter((port, index) => port !== before[index]).length;
    assert.ok(moved > 0 && moved < clients.length, `${moved} of 40 were in the lane in between`);
    await sendAll();
    assert.deepEqual(await heard(), after);
  },
});
