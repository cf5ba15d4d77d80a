import assert from "node:assert/strict";
import { ampleMemory } from "../../tests/support/ample_memory.ts";
import { RawHttp } from "../../tests/support/raw_http.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { until } from "../../tests/support/wait.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import { WebServer, type WebServerOptions } from "./web_server.ts";
import { DenoTcpEngine } from "../net/deno/tcp_engine.ts";

/** All deadlines, milliseconds; they pass when a test moves the clock. */
const PATIENCE = 200;

interface Site {
  readonly port: number;
  readonly clock: VirtualClock;
  readonly identifyMemory: MemoryBudget;
  readonly refused: string[];
  readonly errors: unknown[];
}

/** Opens a server with this handler. */
async function onSite(
  handle: WebServerOptions["handle"],
  test: (site: Site) => Promise<void>,
  repeat?: WebServerOptions["repeat"],
): Promise<void> {
  const refused: string[] = [];
  const errors: unknown[] = [];
  const clock = new VirtualClock();
  const identifyMemory = ampleMemory();
  await using server = WebServer.open({
    name: "HTTP API",
    listen: { host: "127.0.0.1", port: 0 },
    engine: new DenoTcpEngine(clock),
    limits: () => ({ maxConnections: 4, maxConnectionsPerAddress: 3 }),
    identifyMemory,
    timeouts: () => ({ head: PATIENCE, keepAlive: PATIENCE, stall: PATIENCE }),
    ...{ handle, repeat },
    onRefused: (reason) => refused.push(reason),
    onError: (error) => errors.push(error),
  });
  await test({ port: server.address.port, clock, identifyMemory, refused, errors });
}

async function echo(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = await request.text();
  const said = `${request.method} ${pathname}${search} ${request.headers.get("host")} <${body}>`;
  return new Response(said, { status: 201, headers: { "x-length": String(body.length) } });
}

function post(target: string, ...rest: readonly string[]): string {
  return [`POST ${target} HTTP/1.1`, "Host: tv.example", ...rest].join("\r\n");
}

Deno.test("requests with bodies follow each other on one connection", async () => {
  await onSite(echo, async ({ port }) => {
    using client = await RawHttp.connect(port);
    await client.send(
      post("/a?b=%20", "Content-Length: 3", "", "xyz") +
        post("/c", "Transfer-Encoding: chunked", "", "2\r\nuv\r\n1\r\nw\r\n0\r\n\r\n") +
        "GET /d HTTP/1.1\r\nHost: tv.example\r\n\r\n",
    );
    const text = await client.until("GET /d tv.example <>");
    assert.match(text, /^HTTP\/1\.1 201 Created\r\n/);
    assert.deepEqual(text.match(/(?:POST|GET) \S+ \S+ <\w*>/g), [
      "POST /a?b=%20 tv.example <xyz>",
      "POST /c tv.example <uvw>",
      "GET /d tv.example <>",
    ]);
    assert.equal(text.match(/Content-Length: /g)?.length, 3);
  });
});

Deno.test("an empty line between two requests is ignored", async () => {
  await onSite(echo, async ({ port }) => {
    using client = await RawHttp.connect(port);
    const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: tv.example\r\n\r\n`;
    await client.send(
      `${post("/a", "Content-Length: 1", "", "x")}\r\n${get("/b")}\r\n${get("/c")}`,
    );
    const text = await client.until("GET /c tv.example <>");
    assert.equal(text.match(/ 201 Created/g)?.length, 3);
  });
});

Deno.test("HEAD tells the length that GET would have, or none", async () => {
  const known = { headers: { "content-length": "126" } };
  const answers = (request: Request) =>
    new Response(null, new URL(request.url).pathname === "/known" ? known : {});
  await onSite(answers, async ({ port }) => {
    using client = await RawHttp.connect(port);
    const head = (target: string, more = "") =>
      `HEAD ${target} HTTP/1.1\r\nHost: tv.example\r\n${more}\r\n`;
    await client.send(head("/known") + head("/any") + head("/known", "Connection: close\r\n"));
    const text = await client.until();
    assert.equal(text.match(/^HTTP\/1\.1 200 /gm)?.length, 3, text);
    assert.deepEqual(text.match(/content-length: \d+/gi), Array(2).fill("content-length: 126"));
  });
});

Deno.test("100 Continue is sent only if the handler reads the body", async () => {
  await onSite(echo, async ({ port }) => {
    using client = await RawHttp.connect(port);
    await client.send(post("/a", "Content-Length: 3", "Expect: 100-continue", "", ""));
    assert.equal(await client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    await client.send("xyz");
    assert.match(await client.until("<xyz>"), /201 Created/);
  });
  await onSite(() => new Response("no", { status: 413 }), async ({ port }) => {
    using client = await RawHttp.connect(port);
    await client.send(post("/a", "Content-Length: 3", "Expect: 100-continue", "", ""));
    const text = await client.until();
    assert.match(text, /^HTTP\/1\.1 413 /);
    assert.match(text, /Connection: close/, "its body would be taken for a request");
  });
});

Deno.test("a method that web Requests do not allow is refused without an error", async () => {
  await onSite(echo, async ({ port, refused, errors }) => {
    for (const method of ["TRACE", "TRACK"]) {
      using client = await RawHttp.connect(port);
      await client.send(`${method} / HTTP/1.1\r\nHost: tv.example\r\n\r\n`);
      const text = await client.until();
      assert.match(text, /^HTTP\/1\.1 405 Method Not Allowed\r\n/);
      assert.match(text, /\r\nAllow: GET, /);
    }
    assert.deepEqual([refused, errors], [["method", "method"], []]);
  });
});

Deno.test("ambiguous requests are refused", async () => {
  await onSite(echo, async ({ port, refused }) => {
    const requests = [
      post("/", "Content-Length: 3", "Transfer-Encoding: chunked", "", "xyz"),
      post("/", "Content-Length: 3", "Content-Length: 3", "", "xyz"),
      "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
    ];
    for (const request of requests) {
      using client = await RawHttp.connect(port);
      await client.send(request);
      assert.match(await client.until(), /^HTTP\/1\.1 400 /);
    }
    assert.deepEqual(refused, ["bad_request", "bad_request", "bad_request"]);
  });
});

Deno.test("the handler sees when a body breaks off or has malformed chunks", async () => {
  const seen: string[] = [];
  const handle = async (request: Request) => {
    const what = await request.text().catch((error) => error.message);
    seen.push(what);
    return new Response(null, { status: 400 });
  };
  await onSite(handle, async ({ port }) => {
    using broken = await RawHttp.connect(port);
    await broken.send(post("/", "Transfer-Encoding: chunked", "", "zz\r\n"));
    assert.match(await broken.until(), /^HTTP\/1\.1 400 /);
    using short = await RawHttp.connect(port);
    await short.send(post("/", "Content-Length: 9", "", "xyz"));
    short.close();
    await until("both be seen", () => seen.length === 2);
    assert.deepEqual(seen, ["Cannot read the chunks of a body", "Cannot read the whole body"]);
  });
});

Deno.test("a client that leaves before its answer is noticed, whatever it has sent", async () => {
  for (const length of [0, 1, 5000]) {
    const asked = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const handle = async (request: Request) => {
      await request.bytes();
      request.signal.addEventListener("abort", () => left.resolve());
      asked.resolve();
      await left.promise;
      return new Response();
    };
    await onSite(handle, async ({ port, errors }) => {
      using client = await RawHttp.connect(port);
      await client.send(post("/", `Content-Length: ${length}`, "", "x".repeat(length)));
      await asked.promise;
      client.close();
      await left.promise;
      assert.deepEqual(errors, []);
    });
  }
});

Deno.test("idle and slow clients are disconnected", async () => {
  await onSite(echo, async ({ port, clock, identifyMemory, refused }) => {
    using silent = await RawHttp.connect(port);
    using slow = await RawHttp.connect(port);
    await slow.send("POST / HTTP/1.1\r\nHost:");
    await until("half a head", () => identifyMemory.taken > 0);
    using kept = await RawHttp.connect(port);
    await kept.send(post("/", "Content-Length: 1", "", "x"));
    using fourth = await RawHttp.connect(port);
    assert.equal(await fourth.until(), "", "three connections per address are the limit");
    assert.match(await kept.until("<x>"), /201 Created/);
    await until("all three be waited for", () => clock.pending === 3);
    await clock.pass(PATIENCE);
    assert.deepEqual([await silent.until(), await slow.until()], ["", ""]);
    assert.deepEqual(refused, ["limit_per_address", "head_timeout"]);
  });
});

Deno.test("an error thrown by the handler gives an empty 500", async () => {
  const handle = () => {
    throw new Error("broken");
  };
  await onSite(handle, async ({ port, errors }) => {
    using client = await RawHttp.connect(port);
    await client.send(post("/", "Content-Length: 0", "Connection: close", "", ""));
    assert.match(await client.until(), /^HTTP\/1\.1 500 .*\r\n\r\n$/s);
    assert.match(String(errors[0]), /broken/);
  });
});

Deno.test("an answer that is not read ends the connection", async () => {
  const body = new Uint8Array(32 << 20);
  await onSite(() => new Response(body), async ({ port, clock }) => {
    using client = await RawHttp.connect(port);
    await client.send("GET / HTTP/1.1\r\nHost: tv.example\r\n\r\n");
    await client.some();
    await clock.pass(PATIENCE);
    const isOver = async () => !await client.send("x");
    await until("the connection be ended", isOver);
  });
});

Deno.test("a request that repeats another word for word is answered without a web Request", async () => {
  const handled: (string | undefined)[] = [];
  const known = new Set<string>();
  const body = new TextEncoder().encode("again");
  await onSite(async (request, _peer, _isCertified, verbatim) => {
    handled.push(verbatim);
    if (verbatim !== undefined) known.add(verbatim);
    return await echo(request);
  }, async ({ port }) => {
    using client = await RawHttp.connect(port);
    const one = post("/a", "Content-Length: 3", "", "xyz");
    // Repeated exactly, then with another path, field or body, and followed by another request.
    for (
      const [request, answer] of [
        [one, "POST /a tv.example <xyz>"],
        [one, "again"],
        [post("/b", "Content-Length: 3", "", "xyz"), "POST /b tv.example <xyz>"],
        [post("/a", "Content-Length: 3", "X: 1", "", "xyz"), "POST /a tv.example <xyz>"],
        [post("/a", "Content-Length: 3", "", "xyy"), "POST /a tv.example <xyy>"],
        [one + post("/c", "Content-Length: 1", "", "z"), "POST /c tv.example <z>"],
      ] as const
    ) {
      await client.send(request);
      await client.until(answer);
    }
    assert.equal(handled.length, 5);
    assert.equal(new Set(handled).size, 5);
    // What has not arrived whole, has no body or a long one is not compared.
    await client.send(one.slice(0, -2));
    await until("its head was read", () => handled.length === 6);
    await client.send("yz");
    await client.until("POST /a tv.example <xyz>");
    await client.send("GET /d HTTP/1.1\r\nHost: h\r\n\r\n");
    await client.until("GET /d h <>");
    await client.send(post("/e", "Content-Length: 2049", "", "-".repeat(2_049)));
    await client.until("->");
    assert.deepEqual(handled.slice(5), [undefined, undefined, undefined]);
  }, (verbatim) => {
    const answer = { status: 200, fields: [], body };
    return Promise.resolve(known.has(verbatim) ? answer : undefined);
  });
});
