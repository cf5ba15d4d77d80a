// HTTP origins that are gone, silent, faulty or break off, and players that do not read or that
// leave: the client gets a suitable error, never an address; nothing is added to the media; nobody
// else is affected.

import assert from "node:assert/strict";
import { FlvChecker } from "../support/flv_body.ts";
import { type Answer, HttpOrigin, live, silence, verbatim, whole } from "../support/http_origin.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until, within } from "../support/wait.ts";

const TAG = 1_000;
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const COUNTED = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
const NO_ADDRESS = /127\.0\.0\.1|localhost|:\d{4,5}/;

/** A live stream that falls silent at some point. */
const faltering: Answer = async (exchange) => {
  await exchange.write(`${CHUNKED}3\r\nFLV\r\n`);
  await exchange.gone;
};

/** Answers that are not HTTP, or end too early. */
const NO_ANSWERS: Readonly<Record<string, Answer>> = {
  "nothing": verbatim(""),
  "half a head": verbatim("HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n"),
  "another protocol": verbatim("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
  "noise": verbatim(`\x03\x00\xff${"\x80\x0a".repeat(20_000)}`),
  "a head without end": verbatim(`HTTP/1.1 200 OK\r\nX-A: ${"b".repeat(40_000)}`),
  "a length and an encoding": verbatim(
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ),
  "two lengths": verbatim(
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
  ),
  "a bare LF in a field": verbatim("HTTP/1.1 200 OK\r\nX-A: b\nX-C: d\r\n\r\n"),
  "a folded field": verbatim("HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n"),
  "only interim answers": verbatim("HTTP/1.1 100 Continue\r\n\r\n".repeat(3)),
};

/** Answers that break off inside their body. */
const BROKEN: readonly (readonly [what: string, head: string, body: string])[] = [
  ["inside a chunk", CHUNKED, "5\r\nmedia\r\nff\r\nmore"],
  ["between chunks", CHUNKED, "5\r\nmedia\r\n"],
  ["inside a chunk size", CHUNKED, "5\r\nmedia\r\nf"],
  ["inside the last chunk", CHUNKED, "5\r\nmedia\r\n0\r\n"],
  ["before the first chunk", CHUNKED, ""],
  ["short of the length", COUNTED, "media"],
];

/** Malformed chunks. What arrives in one read with them may be lost, but nothing is added. */
const ODD_CHUNKS: readonly (readonly [what: string, chunk: string])[] = [
  ["no number", "zz\r\nmedia\r\n"],
  ["a negative size", "-5\r\nmedia\r\n"],
  ["a size beyond all numbers", "ffffffffffffffffff\r\nmedia\r\n"],
  ["a size with a prefix", "0x5\r\nmedia\r\n"],
  ["a size that is not the chunk's", "3\r\nmedia\r\n"],
  ["bare LFs", "5\nmedia\n"],
  ["a text of the origin's own", "<html>502 Bad Gateway</html>\r\n"],
];

interface World extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly origin: HttpOrigin;
  readonly port: number;
}

async function openWorld(
  answers: Readonly<Record<string, Answer>>,
  variables: Record<string, string> = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  // Probes would add connections that the tests do not expect.
  const proxy = stack.use(await Proxy.open({ PROXY_HEALTH_INTERVAL: "0", ...variables }));
  const origin = stack.use(new HttpOrigin(answers));
  await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
  const all = stack.move();
  const port = proxy.ports.httpServer;
  return { proxy, origin, port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** A viewer of a live stream that checks all its bytes. */
class Watcher implements Disposable {
  readonly #client: RawHttp;
  readonly #body: RawBody;
  readonly #checker = new FlvChecker(TAG);

  private constructor(client: RawHttp, body: RawBody) {
    this.#client = client;
    this.#body = body;
  }

  static async open(port: number, path: string): Promise<Watcher> {
    const client = await RawHttp.connect(port);
    await client.send(requestText(path));
    const head = await client.head();
    assert.equal(head.status, 200);
    return new Watcher(client, new RawBody(client, head));
  }

  /** Reads this many more tags. */
  async watch(tags: number): Promise<void> {
    await this.#body.atLeast(tags * TAG, (bytes) => this.#checker.push(bytes));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

Deno.test("an origin that is gone gives 502 without an address", async () => {
  await using world = await openWorld({});
  await world.origin[Symbol.asyncDispose]();
  for (const path of ["/live/x.flv", "/live/x.m3u8", "/live/x.flv"]) {
    const { status, head, body, complete } = await RawHttp.ask(world.port, path);
    assert.equal(status, 502);
    assert.ok(complete && body.length < 200);
    assert.doesNotMatch(head.text + body, NO_ADDRESS);
  }
});

Deno.test("an origin that refuses the connection is skipped for the next one", async () => {
  await using world = await openWorld({ "/live/x.flv": whole("200 OK", {}, "x") });
  const gone = new HttpOrigin({}, { name: "gone" });
  await sendHeartbeat(world.proxy, heartbeatOf(gone, "1"));
  await gone[Symbol.asyncDispose]();
  for (let i = 0; i < 20; i++) {
    const { status, body } = await RawHttp.ask(world.port, `/live/x.flv?vhost=v${i}.example`);
    assert.equal(status, 200);
    assert.equal(body, "x");
  }
});

Deno.test("an origin that does not answer gives 504 without an address", async () => {
  const variables = { PROXY_ORIGIN_ANSWER_TIMEOUT: "1s" };
  await using world = await openWorld(
    { "/live/x.mpd": silence, "/live/x.m3u8": silence },
    variables,
  );
  for (const path of ["/live/x.mpd", "/live/x.m3u8"]) {
    const { status, head, body } = await RawHttp.ask(world.port, path);
    assert.equal(status, 504);
    assert.doesNotMatch(head.text + body, NO_ADDRESS);
  }
  await until("the proxy leave the origin", () => world.origin.connections === 0);
});

Deno.test("an origin without a valid answer gives 502 without an address", async (t) => {
  const names = Object.keys(NO_ANSWERS);
  const answers = names.map((name, i) => [`/live/${i}.flv`, NO_ANSWERS[name]!]);
  await using world = await openWorld(Object.fromEntries(answers));
  for (const [i, name] of names.entries()) {
    await t.step(name, async () => {
      const { status, head, body } = await RawHttp.ask(world.port, `/live/${i}.flv`);
      assert.equal(status, 502);
      assert.doesNotMatch(head.text + body, NO_ADDRESS);
    });
  }
  await until("the proxy leave the origin", () => world.origin.connections === 0);
});

Deno.test("a body that breaks off ends the connection, and nothing is added to it", async (t) => {
  const answers = BROKEN.map(([, head, body], i) => [`/live/${i}.flv`, verbatim(head + body)]);
  await using world = await openWorld(Object.fromEntries(answers));
  for (const [i, [what, head, body]] of BROKEN.entries()) {
    await t.step(what, async () => {
      using client = await RawHttp.connect(world.port);
      await client.send(requestText(`/live/${i}.flv`));
      const { status, fields } = await client.head();
      assert.equal(status, 200);
      const framing = head === CHUNKED
        ? ["transfer-encoding", "chunked"]
        : ["content-length", "1000"];
      assert.ok(fields.some(([name, value]) => name === framing[0] && value === framing[1]));
      assert.equal(
        await client.untilEnd(),
        body,
        "byte for byte, so that it cannot be mistaken for complete",
      );
    });
  }
});

Deno.test("malformed chunks end the connection, and nothing is added", async (t) => {
  const answers = ODD_CHUNKS.map(([, chunk], i): [string, Answer] => [
    `/live/${i}.flv`,
    async (exchange) => {
      await exchange.write(`${CHUNKED}5\r\nfirst\r\n`);
      await until("the player have the first chunk", () => seenByPlayer);
      await exchange.write(chunk);
      await exchange.gone;
    },
  ]);
  let seenByPlayer = false;
  await using world = await openWorld(Object.fromEntries(answers));
  for (const [i, [what]] of ODD_CHUNKS.entries()) {
    await t.step(what, async () => {
      seenByPlayer = false;
      using client = await RawHttp.connect(world.port);
      await client.send(requestText(`/live/${i}.flv`));
      assert.equal((await client.head()).status, 200);
      assert.equal(await client.line(), "5");
      assert.equal(await client.line(), "first");
      seenByPlayer = true;
      const rest = await client.untilEnd();
      assert.doesNotMatch(rest, /HTTP|Cannot|0\r\n\r\n$/);
      await until("the proxy leave the origin", () => world.origin.connections === 0);
    });
  }
});

Deno.test("a playlist that breaks off or is not HTTP gives 502, never a part of it", async () => {
  const playlist = "#EXTM3U\n#EXTINF:1,\nx-1.ts\n";
  await using world = await openWorld({
    "/live/cut.m3u8": verbatim(`${COUNTED}${playlist}`),
    "/live/chunk.m3u8": verbatim(`${CHUNKED}ff\r\n${playlist}`),
    "/live/odd.m3u8": verbatim(`${CHUNKED}zz\r\n${playlist}`),
    "/live/long.m3u8": verbatim(`${CHUNKED}4ffffff\r\n${"#".repeat(6 << 20)}`),
  });
  for (const name of ["cut", "chunk", "odd", "long"]) {
    const { status, head, body } = await RawHttp.ask(world.port, `/live/${name}.m3u8`);
    assert.equal(status, 502, name);
    assert.doesNotMatch(head.text + body, NO_ADDRESS);
    assert.doesNotMatch(body, /EXTM3U/);
  }
});

const FAST = live({ framing: "chunked", tagLength: TAG, interval: 0 });
const STEADY = live({ framing: "chunked", tagLength: TAG, interval: 20 });

const PATHS = { "/live/fast.flv": FAST, "/live/steady.flv": STEADY };

/** Waits until the origin can write no more of the fast stream. @returns what it has written */
async function untilHeldUp(origin: HttpOrigin): Promise<number> {
  let written = 0;
  return await until("the origin held up", () => {
    const before = written;
    written = origin.written("/live/fast.flv");
    return before > 0 && written === before && written;
  }, { interval: 500, timeout: 30_000 });
}

Deno.test("a player that does not read blocks only its own origin connection", async () => {
  await using world = await openWorld(PATHS);
  using steady = await Watcher.open(world.port, "/live/steady.flv");
  using slow = await Watcher.open(world.port, "/live/fast.flv");
  const held = await untilHeldUp(world.origin);
  await within("the other player's media", 2_000, steady.watch(30));
  assert.equal(
    world.origin.written("/live/fast.flv"),
    held,
    "no more is read from the origin than the player reads",
  );
  await slow.watch(Math.ceil(held / TAG) + 1_000);
  assert.ok(world.origin.written("/live/fast.flv") > held, "it continues without a gap");
  await steady.watch(5);
});

Deno.test("a player that does not read for too long is disconnected, others are not", async () => {
  await using world = await openWorld(PATHS, { PROXY_STALL_TIMEOUT: "1s" });
  using steady = await Watcher.open(world.port, "/live/steady.flv");
  using _slow = await Watcher.open(world.port, "/live/fast.flv");
  await until("two streams", () => world.origin.connections === 2);
  await until("the origin left", () => world.origin.connections === 1, { timeout: 10_000 });
  await steady.watch(30);
  assert.equal(world.origin.connections, 1);
});

Deno.test("the origin is left as soon as the player is gone", async (t) => {
  await using world = await openWorld({
    ...PATHS,
    "/live/silent.flv": silence,
    "/live/silent.m3u8": silence,
    "/live/faltering.flv": faltering,
  });
  const { origin, port } = world;
  const left = () => until("the origin left", () => origin.connections === 0, { timeout: 2_000 });
  for (const name of ["fast.flv", "steady.flv", "silent.flv", "silent.m3u8", "faltering.flv"]) {
    await t.step(name, async () => {
      using client = await RawHttp.connect(port);
      await client.send(requestText(`/live/${name}`));
      if (!name.startsWith("silent")) assert.equal((await client.head()).status, 200);
      await until("the origin asked", () => origin.connections === 1);
      client[Symbol.dispose]();
      await left();
    });
  }
  await t.step("a player that has already sent another request", async () => {
    using client = await RawHttp.connect(port);
    await client.send(requestText("/live/steady.flv") + requestText("/live/steady.flv"));
    assert.equal((await client.head()).status, 200);
    client[Symbol.dispose]();
    await left();
  });
  await until("what never began leave no mapping", async () => {
    const text = await fetchText(world.proxy.systemUrl("/api/v1/streams"));
    return !text.includes("silent");
  });
});
