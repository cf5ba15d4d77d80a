// Malicious HTTP requests, sent byte by byte because a client library would clean them up: none
// reaches an origin it should not, none stays, none leaves anything behind, and viewers are not
// affected.

import assert from "node:assert/strict";
import { encodeSpbhid } from "../../src/protocol/hls/spbhid.ts";
import { FlvChecker } from "../support/flv_body.ts";
import { HttpOrigin, live, whole } from "../support/http_origin.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { pause, until, within } from "../support/wait.ts";

const TAG = 1_000;
const LIVE = live({ framing: "chunked", tagLength: TAG, interval: 20 });
const MP4 = whole("200 OK", { "Content-Type": "video/mp4" }, "a segment");
const SHORT = "Host: a\r\n\r\n";
const SMUGGLED = "GET /live/smuggled.flv HTTP/1.1\r\nHost: a\r\n\r\n";

/** Requests that servers are known to read differently, or not at all: [what, the bytes]. */
const SMUGGLING: readonly (readonly [what: string, text: string])[] = [
  ["a length and an encoding", framed(["Content-Length: 6", "Transfer-Encoding: chunked"])],
  ["an encoding and a length", framed(["Transfer-Encoding: chunked", "Content-Length: 6"])],
  ["two lengths", framed(["Content-Length: 0", `Content-Length: ${SMUGGLED.length}`])],
  ["two equal lengths", framed(["Content-Length: 0", "Content-Length: 0"])],
  ["a list of lengths", framed(["Content-Length: 0, 0"])],
  ["a length with a sign", framed(["Content-Length: +0"])],
  ["a negative length", framed(["Content-Length: -1"])],
  ["a length in hexadecimal", framed(["Content-Length: 0x0"])],
  ["a length without digits", framed(["Content-Length:"])],
  ["a length beyond all numbers", framed(["Content-Length: 99999999999999999999"])],
  ["a length in full-width digits", framed(["Content-Length: \u00bc"])],
  ["an unknown encoding", framed(["Transfer-Encoding: xchunked"])],
  ["chunked twice", framed(["Transfer-Encoding: chunked, chunked"])],
  ["chunked not last", framed(["Transfer-Encoding: chunked, identity"])],
  ["two encodings", framed(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"])],
  ["an encoding with a vertical tab", framed(["Transfer-Encoding: \vchunked"])],
  ["an encoding over HTTP/1.0", framed(["Transfer-Encoding: chunked"], "", "1.0")],
  ["a space before the colon", framed([`Content-Length : ${SMUGGLED.length}`])],
  ["a tab before the colon", framed([`Transfer-Encoding\t: chunked`])],
  ["a space before the name", framed([` Content-Length: ${SMUGGLED.length}`])],
  ["a folded line", framed(["X-A: b", " Transfer-Encoding: chunked"])],
  ["a line without a colon", framed(["Transfer-Encoding chunked"])],
  ["an empty name", framed([": b"])],
  ["a NUL in a value", framed(["X-A: b\0c"])],
  ["a NUL in a name", framed(["X-A\0: b"])],
  ["a bare CR in a value", framed(["X-A: b\rTransfer-Encoding: chunked"])],
  ["a bare LF in a value", framed(["X-A: b\nTransfer-Encoding: chunked"])],
  ["a bare LF at the end", `GET /live/x.flv HTTP/1.1\r\nHost: a\r\n\n${SMUGGLED}`],
  ["bare LFs and a length", `GET /live/x.flv HTTP/1.1\nHost: a\nContent-Length: 9\n\n${SMUGGLED}`],
  ["many empty lines", "\r\n".repeat(20) + framed([])],
  ["a bare LF after the first line", `GET /live/x.flv HTTP/1.1\n${SHORT}`],
  ["two Hosts", framed(["Host: b"])],
  ["a Host with a path", "GET /live/x.flv HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a Host with a user", "GET /live/x.flv HTTP/1.1\r\nHost: a@b\r\n\r\n"],
  ["a Host with a space", "GET /live/x.flv HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["two spaces", `GET  /live/x.flv HTTP/1.1\r\n${SHORT}`],
  ["tabs for spaces", `GET\t/live/x.flv\tHTTP/1.1\r\n${SHORT}`],
  ["a space in the target", `GET /live/x y.flv HTTP/1.1\r\n${SHORT}`],
  ["a leading empty line with a space", ` \r\nGET /live/x.flv HTTP/1.1\r\n${SHORT}`],
  ["no version", `GET /live/x.flv\r\n${SHORT}`],
  ["version 2.0", `GET /live/x.flv HTTP/2.0\r\n${SHORT}`],
  ["version 1.2", `GET /live/x.flv HTTP/1.2\r\n${SHORT}`],
  ["a version with a second digit", `GET /live/x.flv HTTP/1.10\r\n${SHORT}`],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a method in small letters", `get /live/x.flv HTTP/1.1\r\n${SHORT}`],
  ["a fragment", `GET /live/x.flv#y HTTP/1.1\r\n${SHORT}`],
  ["a letter beyond ASCII", `GET /live/\u00e4.flv HTTP/1.1\r\n${SHORT}`],
  ["a NUL in the target", `GET /live/x\0.flv HTTP/1.1\r\n${SHORT}`],
  ["no slash", `GET live/x.flv HTTP/1.1\r\n${SHORT}`],
  ["a star", `GET * HTTP/1.1\r\n${SHORT}`],
  ["an authority", `CONNECT 127.0.0.1:1935 HTTP/1.1\r\n${SHORT}`],
  ["another scheme", `GET ftp://a/live/x.flv HTTP/1.1\r\n${SHORT}`],
  ["too many fields", framed(Array.from({ length: 200 }, (_, i) => `X-${i}: b`))],
  ["a head without end", framed([`X-A: ${"b".repeat(20_000)}`])],
  ["a target without end", framed([], "", "1.1", `/live/${"x".repeat(20_000)}.flv`)],
  ["TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + "\n".repeat(20_000)],
];

/**
 * Requests that are accepted because all servers read them the same way, followed by what must not
 * be taken for another request.
 */
const TAKEN_ONCE: readonly (readonly [what: string, text: string])[] = [
  ["a body of known length", framed([`Content-Length: ${SMUGGLED.length}`])],
  ["a request behind a body", framed(["Content-Length: 2"], `{}${SMUGGLED}`)],
  ["a request behind chunks", framed(["Transfer-Encoding: chunked"], `0\r\n\r\n${SMUGGLED}`)],
  ["a request behind bare LFs", `GET /live/x.flv HTTP/1.1\nHost: a\n\n${SMUGGLED}`],
  ["bare LFs and much behind", `GET /live/x.flv HTTP/1.1\nHost: a\n\n${"x".repeat(20_000)}`],
  ["no Host", "GET /live/x.flv HTTP/1.1\r\nConnection: close\r\n\r\n"],
];

/** A request with these header lines, followed by a smuggled request. */
function framed(
  lines: readonly string[],
  body = SMUGGLED,
  version = "1.1",
  target = "/live/x.flv",
): string {
  return requestText(target, { version, lines }) + body;
}

/** Paths that some servers take as a name and others as a path to somewhere else. */
const ODD_PATHS = [
  "/live/../live/x.flv",
  "/live/..",
  "/live/../../etc/passwd",
  "/live/./x.flv",
  "/live/%2e%2e/x.flv",
  "/live/.%2E/x.flv",
  "/live/%2e/x.flv",
  "/live%2fx.flv",
  "/live/%2Fx.flv",
  "/live/..%2fx.flv",
  "/live/..%5cx.flv",
  "/live/..\\x.flv",
  "/live/x%00.flv",
  "/live/%00/x.m3u8",
  "/live/x.flv%00.html",
  "/../../../etc/passwd",
  "/%2e%2e/%2e%2e/etc/passwd",
  "/..%2f..%2fetc/passwd",
  "/.env",
  "/.git/config",
  `/live/${"x".repeat(300)}.flv`,
];

interface World extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly origin: HttpOrigin;
  readonly port: number;
}

async function openWorld(variables: Record<string, string> = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await Proxy.open(variables));
  const origin = stack.use(
    new HttpOrigin({ "/live/x.flv": LIVE, "/live/smuggled.flv": LIVE, "/live/x-1.mp4": MP4 }),
  );
  await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
  const all = stack.move();
  const port = proxy.ports.httpServer;
  return { proxy, origin, port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Keys of the streams that the proxy has mapped to an origin. */
async function mappedStreams(proxy: Proxy): Promise<string[]> {
  const { streams } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/streams")));
  return streams.map(({ stream }: { stream: string }) => stream);
}

Deno.test("whatever servers could read differently gets 400 and reaches no origin", async (t) => {
  await using world = await openWorld();
  for (const [what, text] of SMUGGLING) {
    await t.step(what, async () => {
      using client = await RawHttp.connect(world.port);
      await client.send(text);
      const { status, head, complete } = await client.answer();
      assert.equal(status, 400);
      assert.ok(complete && head.get("connection") === "close");
      assert.equal(await client.untilEnd(), "", "only one answer");
    });
  }
  assert.deepEqual(world.origin.requests, []);
  assert.equal(world.origin.taken, 0);
});

Deno.test("what can be read only as one request reaches the origin as one", async (t) => {
  const short = live({ framing: "chunked", tagLength: TAG, interval: 0, tags: 2 });
  await using proxy = await Proxy.open();
  await using origin = new HttpOrigin({ "/live/x.flv": short, "/live/smuggled.flv": short });
  await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
  for (const [index, [what, text]] of TAKEN_ONCE.entries()) {
    await t.step(what, async () => {
      using client = await RawHttp.connect(proxy.ports.httpServer);
      await client.send(text);
      const head = await client.head();
      assert.equal(head.status, 200);
      assert.equal(head.get("connection"), "close");
      assert.equal((await client.untilEnd()).match(/HTTP\/1/g), null, "one answer");
      assert.equal(origin.requests.length, index + 1);
    });
  }
  assert.ok(origin.requests.every(({ target }) => target === "/live/x.flv"));
});

Deno.test("ambiguous paths get 400 or 404 and reach no origin", async (t) => {
  await using world = await openWorld();
  for (const path of ODD_PATHS) {
    await t.step(path.slice(0, 40), async () => {
      const { status, body } = await RawHttp.ask(world.port, path);
      assert.ok(status === 400 || status === 404, `current value is ${status}`);
      assert.doesNotMatch(body, /root:|127\.0\.0\.1/);
    });
  }
  assert.deepEqual(world.origin.requests, []);
  assert.deepEqual(await mappedStreams(world.proxy), []);
});

Deno.test("methods other than GET, HEAD and OPTIONS get 405 and reach no origin", async () => {
  await using world = await openWorld();
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]) {
    const { status, head } = await RawHttp.ask(world.port, "/live/x.flv", { method });
    assert.equal(status, 405, method);
    assert.equal(head.get("allow"), "GET, HEAD, OPTIONS");
  }
  assert.deepEqual(world.origin.requests, []);
});

type Act = (client: RawHttp) => Promise<unknown>;

/** What clients do that never finish their head. */
const SLOW_CLIENTS: readonly (readonly [what: string, act: Act])[] = [
  ["says nothing", async () => {}],
  ["sends half a head", async (client) => {
    await client.send("GET /live/x.flv HTTP/1.1\r\nHost: a\r\n");
  }],
  ["sends a byte now and then", async (client) => {
    for (const byte of requestText("/live/x.flv", { lines: ["X-A: b".repeat(20)] })) {
      if (!await client.send(byte)) return;
      await pause(100);
    }
  }],
  ["sends a line now and then", async (client) => {
    await client.send("GET /live/x.flv HTTP/1.1\r\nHost: a\r\n");
    while (await client.send("X-A: b\r\n")) await pause(100);
  }],
];

/** Asserts that the connection ends at the deadline and not before. */
async function assertCutOff(client: RawHttp, deadline: number): Promise<void> {
  const begun = performance.now();
  await within("the end of a slow client", deadline + 2_000, client.untilEnd());
  assert.ok(performance.now() - begun > deadline / 2, "it was not closed early");
}

Deno.test("clients with unfinished heads are disconnected at the deadline, and viewers are not", async (t) => {
  const deadline = 1_000;
  await using world = await openWorld({
    PROXY_HTTP_HEAD_TIMEOUT: `${deadline}ms`,
    PROXY_HTTP_KEEP_ALIVE_TIMEOUT: `${deadline}ms`,
  });
  using viewer = await RawHttp.connect(world.port);
  await viewer.send(requestText("/live/x.flv"));
  const body = new RawBody(viewer, await viewer.head());
  const checker = new FlvChecker(TAG);
  const watch = () => body.atLeast(20 * TAG, (bytes) => checker.push(bytes));
  const cutOff = async (act: Act) => {
    using client = await RawHttp.connect(world.port);
    const acting = act(client);
    await assertCutOff(client, deadline);
    await acting;
  };
  for (const [what, act] of SLOW_CLIENTS) {
    await t.step(`a client that ${what}`, async () => {
      await Promise.all([watch(), ...Array.from({ length: 20 }, () => cutOff(act))]);
    });
  }
  await t.step("a client that says nothing after its first answer", async () => {
    using client = await RawHttp.connect(world.port);
    assert.equal((await client.ask("/live/none.flv")).status, 404);
    await assertCutOff(client, deadline);
  });
  await watch();
  assert.equal(world.origin.requests.length, 2);
});

const KEY = {
  vhost: "__defaultVhost__",
  app: "live",
  stream: "x",
  key: "__defaultVhost__/live/x",
};

Deno.test("a forged spbhid gets 404 and reaches no address other than a registered origin's", async (t) => {
  await using world = await openWorld();
  await using bystander = new HttpOrigin({ "/live/x.flv": LIVE, "/live/x-1.mp4": MP4 }, {
    name: "bystander",
  });
  const good = encodeSpbhid({ key: KEY, origin: `vid-${world.origin.name}` });
  const address = `127.0.0.1:${bystander.httpPort}`;
  const stranger = encodeSpbhid({ key: KEY, origin: `vid-${bystander.name}` });
  const forged = [
    "",
    "x",
    "vid-http-origin",
    address,
    encodeURIComponent(`http://${address}/`),
    btoa(`http://${address}/`),
    `${good}x`,
    good.slice(0, -1),
    `${good.slice(0, 4)}${good[4] === "A" ? "B" : "A"}${good.slice(5)}`,
    stranger,
    encodeSpbhid({ key: KEY, origin: address }),
    "A".repeat(8_000),
  ];
  for (const value of forged) {
    for (const path of ["/live/x-1.mp4", "/live/x/7.ts", "/live/x.m3u8"]) {
      await t.step(`${path} with "${value.slice(0, 40)}"`, async () => {
        const answer = await RawHttp.ask(world.port, `${path}?spbhid=${value}`);
        assert.equal(answer.status, 404);
        assert.doesNotMatch(answer.body + answer.head.text, /127\.0\.0\.1/);
      });
    }
  }
  assert.equal(world.origin.taken, 0);
  assert.equal(bystander.taken, 0);
  assert.deepEqual(await mappedStreams(world.proxy), []);
  await t.step("a genuine one finds its origin and makes no mapping", async () => {
    const answer = await RawHttp.ask(world.port, `/live/x-1.mp4?spbhid=${good}`);
    assert.equal(answer.body, "a segment");
    assert.equal(world.origin.requests[0]?.target, "/live/x-1.mp4");
    assert.deepEqual(await mappedStreams(world.proxy), []);
  });
  await t.step("it gives access only to the stream's own files", async () => {
    const asked = world.origin.requests.length;
    const paths = ["/", "/api/v1/versions", "/api/v1/clients/x.ts", "/live/y-1.ts", "/live/x.html"];
    for (const path of paths) {
      assert.equal((await RawHttp.ask(world.port, `${path}?spbhid=${good}`)).status, 404, path);
    }
    assert.equal(world.origin.requests.length, asked);
  });
  await t.step("no Host and no target leads elsewhere", async () => {
    const host = { method: "HEAD", host: address };
    assert.equal((await RawHttp.ask(world.port, "/live/x.flv", host)).status, 200);
    const absolute = await RawHttp.ask(world.port, `http://${address}/live/x.flv`, host);
    assert.equal(absolute.status, 200);
    assert.equal(world.origin.requests.at(-1)?.target, "/live/x.flv");
    assert.equal(bystander.taken, 0);
  });
});

Deno.test("a stream that the origin does not have leaves no mapping", async (t) => {
  await using world = await openWorld();
  for (const name of ["none.flv", "none.ts", "none.mp3", "none.aac", "none.m3u8", "none.mpd"]) {
    await t.step(name, async () => {
      for (const method of ["GET", "HEAD"]) {
        const { status } = await RawHttp.ask(world.port, `/live/${name}`, { method });
        assert.equal(status, 404);
        await until("its mapping go", async () => (await mappedStreams(world.proxy)).length === 0);
      }
    });
  }
  await t.step("a stream that it has leaves one", async () => {
    using client = await RawHttp.connect(world.port);
    await client.send(requestText("/live/x.flv"));
    assert.equal((await client.head()).status, 200);
    assert.deepEqual(await mappedStreams(world.proxy), [KEY.key]);
  });
});
