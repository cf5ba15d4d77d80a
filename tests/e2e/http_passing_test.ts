// Requests reach the origin complete, and answers reach the player complete: compared byte for byte
// on both sides, over HTTP/1.0 and 1.1, sequential and pipelined.

import assert from "node:assert/strict";
import { FlvChecker } from "../support/flv_body.ts";
import { type Answer, HttpOrigin, live, verbatim, whole } from "../support/http_origin.ts";
import { Proxy } from "../support/proxy.ts";
import { type RawAnswer, RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";

const TAG = 500;
const FILE = "0123456789".repeat(100);
const ETAG = '"a1"';
const GZIP = { "Content-Encoding": "gzip", "Vary": "Accept-Encoding" };

/** A file with ranges and a validator, as origins serve segments. */
const ranged: Answer = async (exchange) => {
  const fields = Object.fromEntries(exchange.request.fields);
  const common = { "ETag": ETAG, "Accept-Ranges": "bytes", "Content-Type": "video/mp4" };
  const range = /^bytes=(\d+)-(\d+)$/.exec(fields.range ?? "");
  const isPart = range !== null && (fields["if-range"] ?? ETAG) === ETAG;
  const [first, last] = [Number(range?.[1]), Number(range?.[2])];
  if (fields["if-none-match"] === ETAG) {
    await whole("304 Not Modified", common)(exchange);
  } else if (isPart && first >= FILE.length) {
    const size = { ...common, "Content-Range": `bytes */${FILE.length}` };
    await whole("416 Range Not Satisfiable", size)(exchange);
  } else if (isPart) {
    const place = { ...common, "Content-Range": `bytes ${first}-${last}/${FILE.length}` };
    await whole("206 Partial Content", place, FILE.slice(first, last + 1))(exchange);
  } else {
    await whole("200 OK", common, FILE)(exchange);
  }
};

/** A function, because the origin's port is not known when the answers are defined. */
const redirect: Answer = async (exchange) => {
  const port = originPort;
  const to: Record<string, string> = {
    own: `http://127.0.0.1:${port}/live/there.flv?a=1`,
    relative: "/live/there.flv",
    other: "http://other.example/live/there.flv",
    near: `http://127.0.0.1:${port + 1}/live/there.flv`,
  };
  const name = /\/to-(\w+)\.flv/.exec(exchange.request.target)![1]!;
  await whole("302 Found", { Location: to[name]! }, "moved")(exchange);
};

const ANSWERS: Readonly<Record<string, Answer>> = {
  "/live/file.ts": ranged,
  "/live/finite.flv": live({ framing: "chunked", tagLength: TAG, interval: 0, tags: 20 }),
  "/live/closing.flv": live({ framing: "until_close", tagLength: TAG, interval: 0, tags: 20 }),
  "/live/counted.flv": live({ framing: 2_013, tagLength: TAG, interval: 0 }),
  "/live/endless.flv": live({ framing: "chunked", tagLength: TAG, interval: 10 }),
  "/live/first.flv": whole("200 OK", {}, "one"),
  "/live/second.flv": whole("200 OK", {}, "two"),
  "/live/locked.flv": whole("401 Unauthorized", {
    "WWW-Authenticate": 'Basic realm="live"',
    "X-Reason": "no token",
  }, "<h1>who are you</h1>"),
  "/live/forbidden.flv": whole("403 Forbidden", {}, '{"code":1}'),
  "/live/strange.flv": whole("299 Own Words", { "X-Twice": "a" }, "body"),
  "/live/zipped.ts": whole("200 OK", GZIP, "\x1f\x8b not really"),
  "/live/hops.flv": verbatim(
    "HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nX-End: 2\r\nKeep-Alive: timeout=5\r\n" +
      "Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: X-T\r\nSet-Cookie: a=1\r\n" +
      "Set-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
  ),
  "/live/early.flv": verbatim(
    "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
  ),
  "/live/to-own.flv": redirect,
  "/live/to-relative.flv": redirect,
  "/live/to-other.flv": redirect,
  "/live/to-near.flv": redirect,
};

let originPort = 0;

interface World {
  readonly origin: HttpOrigin;
  readonly port: number;
  /** Sends a request through the proxy. */
  ask(target: string, lines?: readonly string[], method?: string): Promise<RawAnswer>;
  /** The fields of the latest request at the origin. */
  seen(): Map<string, string>;
}

function testPassing(
  name: string,
  test: (world: World, t: Deno.TestContext) => Promise<void>,
  variables: Record<string, string> = {},
): void {
  Deno.test(name, async (t) => {
    await using proxy = await Proxy.open(variables);
    await using origin = new HttpOrigin(ANSWERS);
    originPort = origin.httpPort;
    await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
    const port = proxy.ports.httpServer;
    await test({
      origin,
      port,
      ask: (target, lines = [], method = "GET") => RawHttp.ask(port, target, { lines, method }),
      seen: () => new Map(origin.requests.at(-1)!.fields),
    }, t);
  });
}

testPassing("every framing reaches the player with every byte", async ({ port }, t) => {
  for (
    const [path, length] of [
      ["finite", 13 + 20 * TAG],
      ["closing", 13 + 20 * TAG],
      ["counted", 2_013],
    ] as const
  ) {
    for (const version of ["1.1", "1.0"]) {
      await t.step(`${path} over HTTP/${version}`, async () => {
        using client = await RawHttp.connect(port);
        await client.send(requestText(`/live/${path}.flv`, { version }));
        const head = await client.head();
        assert.equal(head.status, 200);
        assert.equal(head.get("content-type"), "video/x-flv");
        if (version === "1.0") assert.equal(head.get("transfer-encoding"), undefined);
        const body = new RawBody(client, head);
        const checker = new FlvChecker(TAG);
        for (let bytes; (bytes = await body.next()) !== undefined;) checker.push(bytes);
        assert.ok(body.complete);
        assert.equal(checker.length, length);
      });
    }
  }
});

testPassing("HTTP/1.0 clients are served, with and without Host", async ({ port, origin }) => {
  for (const host of ["tv.example", undefined]) {
    using client = await RawHttp.connect(port);
    const answer = await client.ask("/live/first.flv", { version: "1.0", host });
    assert.equal(answer.body, "one");
    assert.equal(answer.head.get("connection"), "close");
    assert.equal(await client.untilEnd(), "");
  }
  const kept = { version: "1.0", lines: ["Connection: keep-alive"] };
  using client = await RawHttp.connect(port);
  assert.equal((await client.ask("/live/first.flv", kept)).head.get("connection"), "keep-alive");
  assert.equal((await client.ask("/live/second.flv", kept)).body, "two");
  assert.equal(origin.requests.length, 4);
});

testPassing("pipelined requests are answered in order", async ({ port }) => {
  using client = await RawHttp.connect(port);
  const names = ["first", "second", "finite", "first", "none", "second"];
  const requests = names.map((name) => requestText(`/live/${name}.flv`));
  const last = requestText("/live/first.flv", { lines: ["Connection: close"] });
  await client.send([...requests, last, requestText("/live/second.flv")].join(""));
  for (const expected of ["one", "two", /^FLV/, "one", /No such stream/, "two", "one"]) {
    const { body, complete } = await client.answer();
    assert.ok(complete);
    if (typeof expected === "string") assert.equal(body, expected);
    else assert.match(body, expected);
  }
  assert.equal(await client.untilEnd(), "", "nothing follows the answer to the last request");
});

testPassing("one connection serves many requests, and the origin's is kept too", async (world) => {
  using client = await RawHttp.connect(world.port);
  for (let i = 0; i < 20; i++) {
    assert.equal((await client.ask("/live/first.flv")).body, "one");
    assert.equal((await client.ask("/live/none.flv")).status, 404);
  }
  assert.equal(world.origin.requests.length, 40);
  assert.equal(world.origin.taken, 1);
});

testPassing("HEAD gets the head of a GET and no body", async ({ port, origin }) => {
  using client = await RawHttp.connect(port);
  for (const path of ["file.ts", "endless.flv", "locked.flv", "none.flv"]) {
    const { head } = await client.ask(`/live/${path}`, { method: "HEAD" });
    assert.equal(origin.requests.at(-1)?.method, "HEAD");
    const expected =
      { file: "200", endless: "200", locked: "401", none: "404" }[path.split(".")[0]!];
    assert.equal(String(head.status), expected);
    if (path === "file.ts") assert.equal(head.get("content-length"), "1000");
  }
  assert.equal((await client.ask("/live/first.flv")).body, "one", "the connection stays open");
});

testPassing("CORS preflight requests are answered by the proxy", async (world) => {
  const lines = ["Origin: http://tv.example", "Access-Control-Request-Method: GET"];
  const answer = await world.ask("/live/first.flv", lines, "OPTIONS");
  assert.equal(answer.status, 204);
  assert.equal(answer.head.get("access-control-allow-origin"), "*");
  assert.match(answer.head.get("access-control-allow-methods")!, /GET/);
  assert.equal(world.origin.requests.length, 0);
  for (const path of ["/live/first.flv", "/live/none.flv", "/live/none.m3u8"]) {
    assert.deepEqual((await world.ask(path)).head.all("access-control-allow-origin"), ["*"]);
  }
});

testPassing("only listed sites may read responses", async (world) => {
  const allowed = await world.ask("/live/first.flv", ["Origin: https://tv.example"]);
  assert.equal(allowed.head.get("access-control-allow-origin"), "https://tv.example");
  const other = await world.ask("/live/first.flv", ["Origin: https://tv.example.org"]);
  assert.equal(other.head.get("access-control-allow-origin"), undefined);
  assert.equal(other.head.get("vary"), "Origin");
}, { PROXY_CORS_ORIGINS: "https://tv.example" });

testPassing("ranges and conditions are passed on", async (world) => {
  const part = await world.ask("/live/file.ts", ["Range: bytes=10-19"]);
  assert.equal(part.status, 206);
  assert.equal(part.body, "0123456789");
  assert.equal(part.head.get("content-range"), "bytes 10-19/1000");
  const stale = await world.ask("/live/file.ts", ["Range: bytes=10-19", 'If-Range: "b"']);
  assert.equal(stale.status, 200);
  assert.equal(stale.body, FILE);
  const fresh = await world.ask("/live/file.ts", [`If-None-Match: ${ETAG}`]);
  assert.equal(fresh.status, 304);
  assert.equal(fresh.head.get("etag"), ETAG);
  assert.equal((await world.ask("/live/file.ts", ["Range: bytes=5000-5001"])).status, 416);
  await world.ask("/live/file.ts", ["If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT"]);
  assert.equal(world.seen().get("if-modified-since"), "Sat, 29 Oct 1994 19:43:31 GMT");
});

testPassing("the origin's refusals are passed on unchanged", async ({ ask }) => {
  const locked = await ask("/live/locked.flv");
  assert.equal(locked.status, 401);
  assert.equal(locked.head.get("www-authenticate"), 'Basic realm="live"');
  assert.equal(locked.head.get("x-reason"), "no token");
  assert.equal(locked.body, "<h1>who are you</h1>");
  assert.equal((await ask("/live/forbidden.flv")).body, '{"code":1}');
  const missing = await ask("/live/none.flv");
  assert.equal(missing.status, 404);
  assert.equal(missing.body, "<h1>No such stream</h1>");
  assert.equal(missing.head.get("content-type"), "text/html");
  assert.match((await ask("/live/strange.flv")).head.text, /^HTTP\/1\.1 299 Own Words\r\n/);
  assert.equal((await ask("/live/zipped.ts")).body, "\x1f\x8b not really");
  assert.equal((await ask("/live/early.flv")).body, "ok");
});

testPassing("the request reaches the origin as it was sent", async (world) => {
  const target = "/live/first.flv?token=a%2Fb&&x=%zz&vhost=tv.example&token=c";
  await world.ask(target, [
    "Authorization: Basic abc",
    "Cookie: a=1",
    "X-Odd: \xc3\x84",
    "User-Agent: x",
  ]);
  assert.equal(world.origin.requests.at(-1)?.target, target);
  const seen = world.seen();
  assert.equal(seen.get("authorization"), "Basic abc");
  assert.equal(seen.get("cookie"), "a=1");
  assert.equal(seen.get("x-odd"), "\xc3\x84");
  assert.equal(seen.get("user-agent"), "x");
  for (const host of ["tv.example", "tv.example:8080", "[::1]:80"]) {
    await RawHttp.ask(world.port, "/live/first.flv", { host });
    assert.equal(world.seen().get("host"), host);
  }
});

const CLAIMED = [
  "X-Forwarded-For: 10.1.1.1",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: tv.example",
  "X-Real-IP: 10.1.1.1",
];

testPassing("only a trusted proxy can name the client", async (world) => {
  await world.ask("/live/first.flv", [...CLAIMED, "X-Forwarded-For: 10.2.2.2"]);
  assert.equal(world.seen().get("x-forwarded-for"), "127.0.0.1");
  assert.equal(world.seen().get("x-forwarded-proto"), "http");
  assert.equal(world.seen().get("x-forwarded-host"), "127.0.0.1");
  assert.equal(world.seen().get("x-real-ip"), "127.0.0.1");
});

testPassing("a trusted proxy's fields are passed on and extended", async (world) => {
  await world.ask("/live/first.flv", CLAIMED);
  assert.equal(world.seen().get("x-forwarded-for"), "10.1.1.1, 127.0.0.1");
  assert.equal(world.seen().get("x-forwarded-proto"), "https");
  assert.equal(world.seen().get("x-forwarded-host"), "tv.example");
  assert.equal(world.seen().get("x-real-ip"), "10.1.1.1");
}, { PROXY_TRUSTED_PROXIES: "127.0.0.0/8" });

testPassing("hop-by-hop fields are not passed on in either direction", async (world) => {
  const dropped = ["X-Foo: 1", "Keep-Alive: 5", "TE: trailers", "Upgrade: websocket"];
  const more = ["Proxy-Authorization: a", "Proxy-Connection: keep-alive", "X-Kept: 1", "x-BAR: 2"];
  await world.ask("/live/hops.flv", [
    "Connection: X-foo, close",
    "Connection: x-bar",
    ...dropped,
    ...more,
  ]);
  const asked = [...world.seen().keys()].sort();
  const forwarded = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
  assert.deepEqual(asked, ["host", "via", ...forwarded, "x-kept", "x-real-ip"]);
  const { head, body } = await world.ask("/live/hops.flv");
  const got = new Set(head.fields.map(([name]) => name));
  for (const name of ["x-hop", "keep-alive", "proxy-authenticate", "upgrade", "trailer"]) {
    assert.ok(!got.has(name), name);
  }
  assert.equal(head.get("x-end"), "2");
  assert.deepEqual(head.all("set-cookie"), ["a=1", "b=2"]);
  assert.equal(
    head.get("connection"),
    "keep-alive",
    "the origin's Connection field is not the client's",
  );
  assert.equal(body, "ok");
});

testPassing("redirects are not followed, and lead to no origin", async ({ ask, origin }) => {
  const expected = {
    own: "/live/there.flv?a=1",
    relative: "/live/there.flv",
    other: "http://other.example/live/there.flv",
    near: `http://127.0.0.1:${origin.httpPort + 1}/live/there.flv`,
  };
  for (const [name, location] of Object.entries(expected)) {
    const { status, head, body } = await ask(`/live/to-${name}.flv`);
    assert.equal(status, 302);
    assert.equal(head.get("location"), location);
    assert.equal(body, "moved");
  }
  assert.equal(origin.requests.length, 4);
});
