import assert from "node:assert/strict";
import { encodeSpbhid } from "../../protocol/hls/spbhid.ts";
import { parseCidr } from "../../core/cidr.ts";
import { ampleMemory } from "../../../tests/support/ample_memory.ts";
import { HttpOrigin, says, silence } from "../../../tests/support/http_origin.ts";
import { HTTP_TIMEOUTS, HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until } from "../../../tests/support/wait.ts";

const KEY = { vhost: "tv.example", app: "live", stream: "show", key: "tv.example/live/show" };

function partOf(origin: string): string {
  return `/live/show-7.ts?spbhid=${encodeSpbhid({ key: KEY, origin })}`;
}

/** Returns a port on which nothing listens. */
function deadPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("a part is passed on with its range, conditions and status, and claims no stream", async () => {
  await using origin = new HttpOrigin(() =>
    says(
      "206 Partial",
      "0123",
      'ETag: "x"',
      "Content-Range: bytes 0-3/9",
      "Connection: X-Hop",
      "X-Hop: 1",
    )
  );
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  const client = await world.ask(
    `${partOf("o")}&hls_ctx=1`,
    "Range: bytes=0-3",
    'If-Range: "x"',
    "Accept-Encoding: gzip",
    "TE: trailers",
  );
  assert.match(client.text, /^HTTP\/1\.1 206 Partial\r\n/);
  assert.match(client.text, /\r\nContent-Range: bytes 0-3\/9\r\n/);
  assert.match(client.text, /\r\nETag: "x"\r\n/);
  assert.doesNotMatch(client.text, /x-hop/i);
  assert.equal(client.body, "0123");
  assert.equal(origin.requests[0]?.start, "GET /live/show-7.ts?hls_ctx=1 HTTP/1.1");
  assert.equal(origin.field("range"), "bytes=0-3");
  assert.equal(origin.field("if-range"), '"x"');
  assert.equal(origin.field("accept-encoding"), "gzip");
  assert.equal(origin.field("te"), undefined);
  assert.deepEqual(await world.streams(), []);
});

Deno.test("HEAD and 304 have a length and no body, and the connection stays usable", async () => {
  await using origin = new HttpOrigin(() => (exchange) =>
    exchange.write(
      exchange.request.method === "HEAD"
        ? "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        : 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n',
    )
  );
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.send(`HEAD ${partOf("o")} HTTP/1.1\r\nHost: tv.example\r\n\r\n`);
  await client.until("\r\n\r\n");
  assert.match(client.text, /\r\nContent-Length: 99\r\n/);
  client.forget();
  await client.get(partOf("o"), 'If-None-Match: "x"');
  await client.until("\r\n\r\n");
  assert.equal(client.status, 304);
  assert.equal(origin.taken, 1, "the connection is kept and reused");
});

Deno.test("a kept connection that the origin has closed is replaced transparently", async () => {
  await using origin = new HttpOrigin(() => says("200 OK", "part"));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  await world.ask(partOf("o"));
  for (const connection of origin.open) connection.close();
  const client = await world.ask(partOf("o"));
  assert.equal(client.body, "part");
  assert.equal(origin.taken, 2);
});

Deno.test("unsolicited bytes from an origin are not taken as the next response", async () => {
  await using origin = new HttpOrigin(() => says("200 OK", "part"));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  await world.ask(partOf("o"));
  const [connection] = origin.open;
  await connection!.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  await until("the connection be given up", () => origin.connections === 0);
  assert.equal((await world.ask(partOf("o"))).body, "part");
});

Deno.test("pipelined requests are answered in order", async () => {
  await using origin = new HttpOrigin((path) => says("200 OK", `<${path}>`));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  const request = (target: string) => `GET ${target} HTTP/1.1\r\nHost: tv.example\r\n\r\n`;
  await client.send(request(partOf("o")) + request(partOf("o").replace("show-7", "show-8")));
  await client.until("<" + "/live/show-8.ts>");
  assert.ok(client.text.indexOf("</live/show-7.ts>") > 0);
});

Deno.test("if an origin refuses the connection, the next one is tried within the same request", async () => {
  await using origin = new HttpOrigin(() => says("200 OK", "#EXTM3U\n"));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("dead1", deadPort());
  await world.addOrigin("dead2", deadPort());
  await world.addOrigin("good", origin.httpPort);
  for (let index = 0; index < 5; index++) {
    const client = await world.ask(`/live/s${index}.m3u8`);
    assert.equal(client.status, 200);
  }
  assert.equal(origin.requests.length, 5);
});

Deno.test("a part whose origin is gone is requested from the stream's current origin", async () => {
  await using origin = new HttpOrigin(() => says("200 OK", "#EXTM3U\n"));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("good", origin.httpPort);
  await world.ask("/live/show.m3u8");
  await world.addOrigin("dead", deadPort());
  assert.equal((await world.ask(partOf("dead"))).status, 200);
  assert.equal((await world.ask(partOf("never"))).status, 200);
});

Deno.test("the proxy's errors are short, name no origin and match what happened", async () => {
  await using silent = new HttpOrigin(() => silence);
  await using odd = new HttpOrigin(() => (exchange) => exchange.write("ICY 200 OK\r\n\r\n"));
  await using leaver = new HttpOrigin(() => (exchange) => exchange.close());
  const clock = new VirtualClock();
  await using world = await HttpRelayWorld.open({ clock });
  const errors: [string, string][] = [];
  for (
    const [id, port] of [
      ["silent", silent.httpPort],
      ["odd", odd.httpPort],
      ["leaver", leaver.httpPort],
      ["dead", deadPort()],
    ] as const
  ) {
    await world.addOrigin(id, port);
    const asking = world.ask(partOf(id));
    if (id === "silent") {
      await until("it be asked", () => silent.requests.length === 1);
      await clock.pass(HTTP_TIMEOUTS.answer);
    }
    const client = await asking;
    errors.push([`${id} ${client.status}`, client.body]);
  }
  assert.deepEqual(errors, [
    ["silent 504", "Origin does not answer\n"],
    ["odd 502", "Origin does not speak HTTP\n"],
    ["leaver 502", "Origin has closed the connection\n"],
    ["dead 502", "Origin refuses the connection\n"],
  ]);
  assert.equal((await world.ask(partOf("unknown"))).status, 404);
});

Deno.test("without any origin a stream request gets 503", async () => {
  await using world = await HttpRelayWorld.open();
  assert.equal((await world.ask("/live/show.flv")).status, 503);
  assert.equal((await world.ask("/live/show.m3u8")).status, 503);
  assert.deepEqual(await world.streams(), []);
});

Deno.test("redirects are not followed; those to the origin are rewritten to the proxy", async () => {
  let location = "";
  await using origin = new HttpOrigin(() => says("302 Found", "", `Location: ${location}`));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  const follow = async (to: string) => {
    location = to;
    return /\r\nLocation: (.*)\r\n/.exec((await world.ask("/live/show.m3u8")).text)?.[1];
  };
  assert.equal(
    await follow(`http://127.0.0.1:${origin.httpPort}/live/a.m3u8?x=1`),
    "/live/a.m3u8?x=1",
  );
  assert.equal(await follow("/live/b.m3u8"), "/live/b.m3u8");
  const elsewhere = "https://cdn.example/live/c.m3u8";
  assert.equal(await follow(elsewhere), elsewhere);
});

Deno.test("a trusted load balancer is believed about the client's address", async () => {
  await using origin = new HttpOrigin(() => says("200 OK"));
  await using world = await HttpRelayWorld.open({
    trustedProxies: () => [parseCidr("127.0.0.0/8")],
  });
  await world.addOrigin("o", origin.httpPort);
  await world.ask(
    partOf("o"),
    "X-Forwarded-For: 203.0.113.9, 10.0.0.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: tv.example",
  );
  assert.equal(
    origin.field("x-forwarded-for"),
    "10.0.0.1, 127.0.0.1",
    "SRS takes the first address",
  );
  assert.equal(origin.field("x-forwarded-proto"), "https");
  assert.equal(origin.field("x-real-ip"), "10.0.0.1");
  await world.ask(partOf("o"), "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Real-IP: 6.6.6.6");
  assert.equal(origin.field("x-real-ip"), "203.0.113.9", "the balancer's own field is kept");
});

Deno.test("a request that has looped back is refused, as is one that has passed too many proxies", async () => {
  await using one = await HttpRelayWorld.open();
  await using two = await HttpRelayWorld.open();
  await one.addOrigin("two", two.relay.address.port);
  await two.addOrigin("one", one.relay.address.port);
  for (const target of ["/live/show.flv", "/live/show.m3u8"]) {
    assert.equal((await one.ask(target)).status, 508, target);
  }
  assert.equal(await one.metric('srs_proxy_http_refused_total{reason="loop"}'), 2);
  assert.equal(await two.metric('srs_proxy_http_refused_total{reason="loop"}'), 0);
  assert.deepEqual([await one.streams(), await two.streams()], [[], []]);

  await using origin = new HttpOrigin(() => says("200 OK", "part"));
  await two.addOrigin("o", origin.httpPort);
  const through = async (...via: string[]) => {
    return (await two.ask(partOf("o"), ...via.map((line) => `Via: ${line}`))).status;
  };
  const ours = ["a", "b", "c", "d"].map((name) => `1.1 srs-proxy-${name}`);
  assert.equal(await through("1.1 cdn", ours.slice(1).join(" , ")), 200);
  assert.equal(await through(...ours), 508);
  assert.equal(await through(Array(16).fill("1.1 cdn").join(",")), 508);
  assert.match(
    origin.requests[0]!.text,
    /^Via: 1\.1 cdn\r\n(.*\r\n)*Via: 1\.1 srs-proxy-[\w-]+$/m,
  );
});

Deno.test("web pages get CORS fields only for allowed origins", async () => {
  await using origin = new HttpOrigin(() =>
    says("200 OK", "", "Access-Control-Allow-Origin: http://origins.own")
  );
  const allowed = /\r\nAccess-Control-Allow-Origin: (.*)\r\n/;
  const site = "Origin: https://tv.example";
  await using open = await HttpRelayWorld.open();
  await open.addOrigin("o", origin.httpPort);
  assert.equal(allowed.exec((await open.ask(partOf("o"), site)).text)?.[1], "*");
  await using listed = await HttpRelayWorld.open({ corsOrigins: () => ["https://tv.example"] });
  await listed.addOrigin("o", origin.httpPort);
  assert.equal(allowed.exec((await listed.ask(partOf("o"), site)).text)?.[1], "https://tv.example");
  const stranger = await listed.ask(partOf("o"), "Origin: https://evil.example");
  assert.equal(allowed.exec(stranger.text), null);
  using client = await listed.client();
  const preflight = "Access-Control-Request-Method: GET";
  await client.send(
    `OPTIONS /live/show.flv HTTP/1.1\r\nHost: a\r\n${site}\r\n${preflight}\r\n\r\n`,
  );
  await client.until("\r\n\r\n");
  assert.equal(client.status, 204);
  assert.equal(allowed.exec(client.text)?.[1], "https://tv.example");
});

Deno.test("other methods, bodies and ambiguous requests reach no origin", async () => {
  await using origin = new HttpOrigin(() => says("200 OK"));
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  for (
    const [status, request] of [
      [405, "POST /live/show.flv HTTP/1.1\r\nHost: a\r\n\r\n"],
      [405, "DELETE /live/show.flv HTTP/1.1\r\nHost: a\r\n\r\n"],
      [405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"],
      [405, "TRACK / HTTP/1.1\r\nHost: a\r\n\r\n"],
      [405, "POST /live/show.flv HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"],
      [413, "GET /live/show.flv HTTP/1.1\r\nHost: a\r\nContent-Length: 4097\r\n\r\n"],
      [
        413,
        "GET /live/show.flv HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n" +
        "x".repeat(4097),
      ],
      [
        400,
        "GET /live/show.flv HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
      ],
      [400, "GET /live/show.flv HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"],
      [400, "GET /live/../show.flv HTTP/1.1\r\nHost: a\r\n\r\n"],
      [400, "\x16\x03\x01\x02\x00\x01\r\n\r\n"],
    ] as const
  ) {
    using client = await world.client();
    await client.send(request);
    await client.until("\n");
    assert.equal(client.status, status, request);
  }
  assert.deepEqual([origin.taken, origin.connections], [0, 0]);
  await until(
    "all be counted",
    async () => await world.metric('srs_proxy_http_refused_total{reason="method"}') === 5,
  );
  assert.deepEqual(world.errors, []);
});

Deno.test("an incomplete head is given up after its timeout", async () => {
  const clock = new VirtualClock();
  const identifyMemory = ampleMemory();
  await using world = await HttpRelayWorld.open({ clock, identifyMemory });
  const timers = clock.pending;
  using slow = await world.client();
  await slow.send("GET /live/show.flv HTTP/1.1\r\nHost:");
  using idle = await world.client();
  await until("both be there", () => {
    return clock.pending === timers + 2 && identifyMemory.taken > 0;
  });
  await clock.pass(HTTP_TIMEOUTS.head);
  await Promise.all([slow.until(), idle.until()]);
  assert.equal(slow.text, "");
  assert.equal(await world.metric('srs_proxy_http_refused_total{reason="head_timeout"}'), 1);
});

const SECOND = "GET /live/second.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n";

for (
  const [what, request] of [
    [
      "an empty line before",
      "\r\nGET /live/show.m3u8 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
    ["LF alone", `GET /live/show.m3u8 HTTP/1.1\nHost: a\n\n${SECOND}`],
    ["LF alone over HTTP/1.0", `GET /live/show.m3u8 HTTP/1.0\n\n${SECOND}`],
    ["no Host", "GET /live/show.m3u8 HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["an empty Host", "GET /live/show.m3u8 HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"],
    [
      "an empty body in chunks",
      `GET /live/show.m3u8 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SECOND}`,
    ],
    [
      "a body",
      `GET /live/show.m3u8 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}${SECOND}`,
    ],
    [
      "a body that looks like a request",
      `GET /live/show.m3u8 HTTP/1.1\r\nHost: a\r\nContent-Length: ${SECOND.length}\r\n\r\n${SECOND}`,
    ],
  ] as const
) {
  Deno.test(`a malformed but unambiguous request is answered once: ${what}`, async () => {
    await using origin = new HttpOrigin(() => says("200 OK", "#EXTM3U\n"));
    await using world = await HttpRelayWorld.open();
    await world.addOrigin("o", origin.httpPort);
    using client = await world.client();
    await client.send(request);
    await client.until();
    assert.match(client.text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n/);
    assert.equal(client.body, "#EXTM3U\n", "only one response");
    assert.equal(origin.requests.length, 1);
    const { start, text, body } = origin.requests[0]!;
    assert.match(start, /^GET \/live\/show\.m3u8 /);
    assert.equal(body, "");
    assert.doesNotMatch(text, /^(?:content-length|transfer-encoding)|^host: *$/im);
    assert.ok(start.endsWith("1.0") || origin.field("host") === "a");
  });
}

Deno.test("OPTIONS is answered for every path", async () => {
  await using world = await HttpRelayWorld.open();
  for (
    const request of [
      "OPTIONS / HTTP/1.0\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "OPTIONS /live/show.flv HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ]
  ) {
    using client = await world.client();
    await client.send(request);
    await client.until();
    assert.equal(client.status, 204);
    assert.match(client.text, /\r\nAllow: GET, HEAD, OPTIONS\r\n/);
  }
});
