// Two protocols on one port, on either engine: told apart however their bytes are cut, without a lost
// byte, both within their limits.

import assert from "node:assert/strict";
import { openTcpEngine } from "../../tests/support/tcp_engines.ts";
import { until } from "../../tests/support/wait.ts";
import { bytesOfText, textOfBytes } from "../core/binary_text.ts";
import { parseCidr } from "../core/cidr.ts";
import { systemClock } from "../core/clock.ts";
import { LocalTally } from "../core/tally.ts";
import type { Balancers } from "./announced_peer.ts";
import type { Connection, TcpEngine } from "./engine.ts";
import type { PortGuest } from "./port_guest.ts";
import { ServedConnections } from "./served_connections.ts";
import { TcpServer } from "./tcp_server.ts";
import { isLibcKnown } from "./udp/libc.ts";

const GUEST = "ICE";

/** Lets the bytes sent so far arrive as a piece of their own. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A port with a host and a guest that record what they receive; the guest's bytes begin with `ICE`. */
class TwoProtocols implements PortGuest, AsyncDisposable {
  readonly host: string[] = [];
  readonly guest: string[] = [];
  readonly refused: string[] = [];
  readonly peers: string[] = [];
  readonly server: TcpServer;
  readonly #guests: ServedConnections;
  readonly #stack = new AsyncDisposableStack();

  constructor(kind: TcpEngine["kind"], { balancers, perAddress = 10, timeout = 10_000 }: {
    readonly balancers?: Balancers;
    readonly perAddress?: number;
    readonly timeout?: number;
  } = {}) {
    const common = {
      limits: () => ({ maxConnections: 10, maxConnectionsPerAddress: perAddress }),
      onRefused: (reason: string) => void this.refused.push(reason),
      onError: (error: unknown) => assert.fail(String(error)),
    };
    this.#guests = new ServedConnections({
      ...common,
      tally: new LocalTally(),
      serve: (connection) => this.#hear(connection, this.guest),
    });
    this.server = TcpServer.open({
      ...common,
      name: "test",
      listen: { host: "127.0.0.1", port: 0 },
      engine: openTcpEngine(systemClock, this.#stack, kind),
      openingTimeout: () => timeout,
      ...(balancers && { balancers: () => balancers }),
      guest: this,
      serve: (connection) => this.#hear(connection, this.host),
    });
  }

  recognizes(bytes: Uint8Array): boolean | undefined {
    const said = textOfBytes(bytes);
    if (said.startsWith(GUEST)) return true;
    return GUEST.startsWith(said) ? undefined : false;
  }

  take(connection: Connection): void {
    this.#guests.admit(connection);
  }

  async dial(): Promise<Deno.TcpConn> {
    const { host, port } = this.server.address;
    const conn = await Deno.connect({ hostname: host, port });
    this.#stack.defer(() => conn.close());
    return conn;
  }

  /** Sends the pieces one by one, then ends. */
  async say(...pieces: string[]): Promise<void> {
    const conn = await this.dial();
    for (const piece of pieces) {
      await conn.write(bytesOfText(piece));
      await turn();
    }
    await conn.closeWrite();
  }

  async #hear(connection: Connection, heard: string[]): Promise<void> {
    this.peers.push(connection.peer.host);
    const buffer = new Uint8Array(7);
    let said = "";
    for (let count; (count = await connection.read(buffer)) !== null;) {
      said += textOfBytes(buffer.subarray(0, count));
    }
    heard.push(said);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.#guests.close();
    await this.#guests.idle();
    await this.#stack.disposeAsync();
  }
}

for (const kind of ["deno", "libc"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `${kind}: ${name}`, ignore: kind === "libc" && !isLibcKnown, fn });

  test("each gets all that was said to it, wherever it was cut", async () => {
    await using port = new TwoProtocols(kind);
    const [ours, theirs] = ["ICE and what follows it", "IC? and what follows it"];
    for (const said of [ours, theirs, "GET / HTTP/1.1"]) {
      const heard = said === ours ? port.guest : port.host;
      for (let cut = 1; cut < 5; cut++) {
        await port.say(said.slice(0, cut), said.slice(cut));
        await until("it be heard", () => Promise.resolve(heard.length > 0));
        assert.deepEqual(heard.splice(0), [said]);
      }
    }
    assert.deepEqual([port.host, port.guest, port.refused], [[], [], []]);
  });

  test("a header of a balancer comes first, and names the guest's client too", async () => {
    const balancers: Balancers = { header: "required", trusted: [parseCidr("127.0.0.0/8")] };
    await using port = new TwoProtocols(kind, { balancers });
    const header = "PROXY TCP4 192.0.2.7 10.0.0.1 56789 443\r\n";
    await port.say(header, "ICE!");
    await port.say(`${header}ICE!`);
    await until("both be heard", () => Promise.resolve(port.guest.length === 2));
    assert.deepEqual(port.guest, ["ICE!", "ICE!"]);
    assert.deepEqual(port.peers, ["192.0.2.7", "192.0.2.7"]);
  });

  test("who says too little is let go in time, and holds a place until then", async () => {
    await using port = new TwoProtocols(kind, { perAddress: 1, timeout: 200 });
    const silent = await port.dial();
    await turn();
    const other = await port.dial();
    assert.equal(await other.read(new Uint8Array(1)).catch(() => null), null);
    assert.deepEqual(port.refused, ["limit_per_address"]);
    assert.equal(await silent.read(new Uint8Array(1)).catch(() => null), null);
    await port.say("ICE again");
    await until("it be heard", () => Promise.resolve(port.guest.length === 1));
  });

  test("one that runs keeps nobody of the other protocol out", async () => {
    await using port = new TwoProtocols(kind, { perAddress: 1 });
    const running = await port.dial();
    await running.write(bytesOfText("ICE"));
    await until("it be taken", () => Promise.resolve(port.peers.length === 1));
    await port.say("GET /");
    await until("the other be heard", () => Promise.resolve(port.host.length === 1));
    const second = await port.dial();
    await second.write(bytesOfText("ICE"));
    assert.equal(await second.read(new Uint8Array(1)).catch(() => null), null);
    assert.deepEqual(port.refused, ["limit_per_address"]);
  });
}
