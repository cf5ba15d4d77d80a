import assert from "node:assert/strict";
import {
  CLOSE,
  ECHO,
  type ForwarderCommand,
  type ForwarderInit,
  type ForwarderReport,
} from "../../../tests/support/udp_forwarder.ts";
import { until } from "../../../tests/support/wait.ts";
import { systemClock } from "../../core/clock.ts";
import { ProxyError } from "../../core/errors.ts";
import { noDrops } from "./drops.ts";
import type { UdpDrops, UdpEngine } from "./port.ts";
import { UdpThread } from "./thread.ts";

const MODULE = new URL("../../../tests/support/udp_forwarder.ts", import.meta.url);
const KINDS = Deno.build.os === "linux" ? ["libc", "deno"] as const : ["deno"] as const;

/** A forwarder in a thread, what it has reported, an origin and a way to speak with them. */
class World implements AsyncDisposable {
  readonly reports: ForwarderReport[] = [];
  readonly drops = noDrops();
  thread!: UdpThread<ForwarderInit, ForwarderCommand, ForwarderReport>;

  static async open(
    choice: UdpEngine["kind"],
    origin: Peer,
    { host = "127.0.0.1", maxLinks = 50 } = {},
  ): Promise<World> {
    const world = new World();
    world.thread = await UdpThread.open({
      module: MODULE,
      name: "test",
      clock: systemClock,
      choice,
      engine: { listen: { host, port: 0 }, tick: 20, maxLinks },
      init: { origin: { host, port: origin.port }, maxClients: 1000 },
      onReport: (report) => world.reports.push(report),
      onFigures: (lost) => {
        for (const reason of Object.keys(lost) as (keyof UdpDrops)[]) {
          world.drops[reason] += lost[reason];
        }
      },
    });
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thread[Symbol.asyncDispose]();
    await this.thread.closed;
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
    Deno.test(`${kind}: datagrams go both ways, each client's own way, over ${host}`, async () => {
      using origin = new Peer(host);
      await using world = await World.open(kind, origin, { host });
      const { port } = world.thread.address;
      assert.equal(world.thread.kind, kind);
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
    await using world = await World.open(kind, origin);
    const sizes = [1, 0, 2048, 2049, 1200, ...new Array<number>(60).fill(7)];
    for (const [index, size] of sizes.entries()) {
      await client.send(new Uint8Array(size).fill(index), world.thread.address.port);
    }
    for (const [index, size] of sizes.entries()) {
      if (size > 2048) continue;
      assert.deepEqual((await origin.next()).bytes, new Array(size).fill(index));
    }
    await until("the loss be counted", () => world.drops.truncated === 1);
  });

  Deno.test(`${kind}: a relay answers by itself, and closes a link inside a batch`, async () => {
    using origin = new Peer();
    using client = new Peer();
    await using world = await World.open(kind, origin);
    const { port } = world.thread.address;
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
    world.thread.send({ type: "close_links" });
    await until("the command", () => world.reports.some(({ type }) => type === "links"));
  });

  Deno.test(`${kind}: links are bounded, and closed ones make room`, async () => {
    using origin = new Peer();
    await using world = await World.open(kind, origin, { maxLinks: 30 });
    world.thread.send({ type: "churn", count: kind === "libc" ? 10_000 : 300 });
    await until("an answer", () => world.reports.length > 0);
    assert.deepEqual(world.reports, [{ type: "churned", error: "overloaded" }]);
  });

  Deno.test(`${kind}: a port that is taken is said so`, async () => {
    using origin = new Peer();
    const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const opening = UdpThread.open({
      module: MODULE,
      name: "test",
      clock: systemClock,
      choice: kind,
      engine: { listen: { host: "127.0.0.1", port }, tick: 20, maxLinks: 1 },
      init: { origin: { host: "127.0.0.1", port: origin.port }, maxClients: 1 },
      onReport: () => {},
      onFigures: () => {},
    });
    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof ProxyError);
      assert.match(error.message, /^Cannot listen for UDP on 127\.0\.0\.1:\d+: .*in use/);
      return true;
    });
    taken.close();
  });

  Deno.test(`${kind}: other settings hold from then on`, async () => {
    using first = new Peer();
    using second = new Peer();
    using one = new Peer();
    using other = new Peer();
    await using world = await World.open(kind, first);
    const { port } = world.thread.address;
    await one.send(packet(1), port);
    assert.deepEqual((await first.next()).bytes, [...packet(1)]);
    const origin = { host: "127.0.0.1", port: second.port };
    world.thread.configure({ origin, maxClients: 1000 });
    await world.thread.beat();
    await other.send(packet(2), port);
    assert.deepEqual((await second.next()).bytes, [...packet(2)]);
  });

  Deno.test(`${kind}: a thread gives signs of life, but not while it stands still`, async () => {
    using origin = new Peer();
    await using world = await World.open(kind, origin);
    await world.thread.beat();
    world.thread.send({ type: "stand_still", milliseconds: 400 });
    const begun = performance.now();
    await Promise.all([world.thread.beat(), world.thread.beat()]);
    assert.ok(performance.now() - begun > 300, "it has answered while it stood still");
  });

  Deno.test(`${kind}: a thread that dies by itself is noticed`, async () => {
    using origin = new Peer();
    const world = await World.open(kind, origin);
    world.thread.send({ type: "fail" });
    await assert.rejects(world.thread.closed, /on purpose/);
    await world.thread[Symbol.asyncDispose]();
  });

  for (const type of ["throw", "reject"] as const) {
    Deno.test(`${kind}: a thread tells by itself of an error that nobody catches: ${type}`, async () => {
      using origin = new Peer();
      const world = await World.open(kind, origin);
      world.thread.send({ type });
      await assert.rejects(world.thread.closed, (error) => {
        assert.ok(error instanceof ProxyError, "the runtime has told of it");
        assert.match(error.message, /on purpose/);
        return true;
      });
      await world.thread[Symbol.asyncDispose]();
    });
  }
}

Deno.test({
  name: "libc: a refusal by the origin's host is heard of",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using client = new Peer();
    const origin = new Peer();
    await using world = await World.open("libc", origin);
    origin[Symbol.dispose]();
    await client.send(packet(1), world.thread.address.port);
    await until("a refusal", () => world.reports.some(({ type }) => type === "refused"));
  },
});
