// Load balancers in front of a port, on either engine: whose header counts, what is refused, and that
// no byte of the client's is lost.

import assert from "node:assert/strict";
import { GOOD_HEADERS } from "../../tests/support/cases/proxy_header_cases.ts";
import { join } from "../../tests/support/rtmp_wire.ts";
import { openTcpEngine } from "../../tests/support/tcp_engines.ts";
import { until } from "../../tests/support/wait.ts";
import type { Address } from "../core/address.ts";
import { bytesOfText, textOfBytes } from "../core/binary_text.ts";
import { parseCidr } from "../core/cidr.ts";
import { systemClock } from "../core/clock.ts";
import type { Balancers } from "./announced_peer.ts";
import type { Connection, TcpEngine } from "./engine.ts";
import { type TcpRefusal, TcpServer } from "./tcp_server.ts";
import { isLibcKnown } from "./udp/libc.ts";

const HEADER = "PROXY TCP4 192.0.2.7 10.0.0.1 56789 1935\r\n";
const HERE = [parseCidr("127.0.0.0/8")];
const TIMEOUT = 300;

/** Lets the bytes sent so far arrive as a piece of their own. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A port that reports who its clients are and what they send. */
class Port implements AsyncDisposable {
  readonly served: { readonly peer: Address; readonly said: string }[] = [];
  readonly refused: TcpRefusal[] = [];
  readonly server: TcpServer;
  readonly #stack = new AsyncDisposableStack();

  constructor(kind: TcpEngine["kind"], balancers: Balancers, perAddress = 10, total = 10) {
    this.server = TcpServer.open({
      name: "test",
      listen: { host: "127.0.0.1", port: 0 },
      engine: openTcpEngine(systemClock, this.#stack, kind),
      limits: () => ({ maxConnections: total, maxConnectionsPerAddress: perAddress }),
      balancers: () => balancers,
      openingTimeout: () => TIMEOUT,
      serve: (connection) => this.#serve(connection),
      onRefused: (reason) => this.refused.push(reason),
      onError: (error) => assert.fail(String(error)),
    });
  }

  /** To be closed by the test. */
  async open(): Promise<Deno.TcpConn> {
    const { host, port } = this.server.address;
    return await Deno.connect({ hostname: host, port });
  }

  async dial(): Promise<Deno.TcpConn> {
    const conn = await this.open();
    this.#stack.defer(() => conn.close());
    return conn;
  }

  /** Sends the pieces one by one, then ends. */
  async send(...pieces: Uint8Array[]): Promise<Deno.TcpConn> {
    const conn = await this.dial();
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) at += await conn.write(piece.subarray(at));
      await turn();
    }
    await conn.closeWrite();
    return conn;
  }

  async #serve(connection: Connection): Promise<void> {
    const { peer } = connection;
    const buffer = new Uint8Array(5);
    let said = "";
    for (let count; (count = await connection.read(buffer)) !== null;) {
      said += textOfBytes(buffer.subarray(0, count));
    }
    this.served.push({ peer, said });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }
}

const required: Balancers = { header: "required", trusted: HERE };
const optional: Balancers = { header: "optional", trusted: HERE };

function test(name: string, run: (kind: TcpEngine["kind"]) => Promise<void>): void {
  for (const kind of ["deno", "libc"] as const) {
    Deno.test({
      name: `${kind}: ${name}`,
      ignore: kind === "libc" && !isLibcKnown,
      fn: () => run(kind),
    });
  }
}

test("the client that a header names is the connection's peer, and its bytes follow", async (kind) => {
  await using port = new Port(kind, required);
  const headers = Object.values(GOOD_HEADERS);
  for (const [bytes] of headers) {
    const before = port.served.length;
    await port.send(bytes, bytesOfText("what the client says"));
    await until("what was sent has arrived", () => port.served.length > before);
  }
  for (const [index, [, client]] of headers.entries()) {
    const { peer, said } = port.served[index]!;
    assert.equal(said, "what the client says");
    if (client === undefined) assert.equal(peer.host, "127.0.0.1");
    else assert.deepEqual(peer, client);
  }
  assert.deepEqual(port.refused, []);
});

test("a header may be cut anywhere, and its end may come together with the client's", async (kind) => {
  await using port = new Port(kind, required);
  for (const name of ["TCP4", "binary with a TLV"]) {
    const whole = join([GOOD_HEADERS[name]![0], bytesOfText("hello")]);
    for (let at = 1; at < whole.length; at++) {
      await port.send(whole.subarray(0, at), whole.subarray(at));
      await until("what was sent has arrived", () => port.served.length > 0);
      const { peer, said } = port.served.pop()!;
      assert.deepEqual([peer.host, said], ["192.0.2.7", "hello"]);
    }
  }
});

test("a header that ends after any of its bytes is refused and counted", async (kind) => {
  await using port = new Port(kind, required);
  let cuts = 0;
  for (const [bytes] of Object.values(GOOD_HEADERS)) {
    for (let at = 1; at < bytes.length; at += at < 120 ? 1 : 9_999) {
      using conn = await port.open();
      await conn.write(bytes.subarray(0, at));
      await conn.closeWrite();
      assert.equal(await conn.read(new Uint8Array(1)), null);
      cuts++;
    }
  }
  assert.deepEqual(port.refused, new Array(cuts).fill("proxy_header"));
  assert.deepEqual(port.served, []);
});

test("where a header is required, nothing else is served", async (kind) => {
  await using port = new Port(kind, required);
  await port.send(bytesOfText("GET / HTTP/1.1\r\n\r\n"));
  await port.send(bytesOfText("PROXY TCP4 nobody"), bytesOfText(" 1.2.3.4 1 2\r\n"));
  await port.send(bytesOfText("PROXY TCP4 1.2"));
  await until("what was sent has arrived", () => port.refused.length === 3);
  assert.deepEqual(port.refused, ["proxy_header", "proxy_header", "proxy_header"]);
  const silent = await port.dial();
  assert.equal(await silent.read(new Uint8Array(1)), null);
  await until("what was sent has arrived", () => port.refused.length === 4);
  // Connecting and leaving without a byte, as health checks do, is no fault.
  (await port.dial()).closeWrite();
  await port.send(bytesOfText(HEADER));
  await until("what was sent has arrived", () => port.served.length === 1);
  assert.equal(port.refused.length, 4);
});

test("where it is optional, clients may come directly", async (kind) => {
  await using port = new Port(kind, optional);
  await port.send(bytesOfText("PRO"), bytesOfText("PFIND"));
  await until("what was sent has arrived", () => port.served.length === 1);
  assert.equal(port.served[0]!.said, "PROPFIND");
  assert.equal(port.served[0]!.peer.host, "127.0.0.1");
});

test("where it is off, a header is what the client says, even from a balancer", async (kind) => {
  await using port = new Port(kind, { header: "off", trusted: HERE });
  await port.send(bytesOfText(HEADER));
  await until("what was sent has arrived", () => port.served.length === 1);
  const { peer, said } = port.served[0]!;
  assert.deepEqual([peer.host, said], ["127.0.0.1", HEADER]);
});

test("a header from anybody else is refused", async (kind) => {
  const trusted = [parseCidr("10.0.0.0/8")];
  await using strict = new Port(kind, { header: "required", trusted });
  await using port = new Port(kind, { header: "optional", trusted });
  for (const text of [HEADER, "PROXY nonsense\r\n"]) {
    await strict.send(bytesOfText(text));
    await port.send(bytesOfText(text));
  }
  await port.send(bytesOfText("hello"));
  await until(
    "what was sent has arrived",
    () => strict.refused.length + port.refused.length === 4 && port.served.length === 1,
  );
  assert.deepEqual([...strict.refused, ...port.refused], new Array(4).fill("proxy_untrusted"));
  assert.equal(port.served[0]!.said, "hello");
});

test("limits for an address are those of the clients, not of the balancer", async (kind) => {
  await using port = new Port(kind, required, 1, 3);
  const say = async (host: string) => {
    const conn = await port.dial();
    await conn.write(bytesOfText(`PROXY TCP4 ${host} 10.0.0.1 1 2\r\n`));
    return conn;
  };
  await say("192.0.2.1");
  await say("192.0.2.2");
  await until("what was sent has arrived", () => port.server.connections.size === 2);
  await say("192.0.2.2");
  await until("what was sent has arrived", () => port.refused.length === 1);
  await say("192.0.2.3");
  await until("what was sent has arrived", () => port.server.connections.size === 3);
  await say("192.0.2.4");
  await until("what was sent has arrived", () => port.refused.length === 2);
  assert.deepEqual(port.refused, ["limit_per_address", "limit_total"]);
});

test("who has not said whose connection it is does not hold up the end", async (kind) => {
  const port = new Port(kind, required);
  const conn = await port.dial();
  await conn.write(bytesOfText("PROXY "));
  await turn();
  port.server.stop();
  assert.equal(await conn.read(new Uint8Array(1)), null);
  await port.server.idle();
  await port[Symbol.asyncDispose]();
});
