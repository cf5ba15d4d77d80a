// Files that belong to no stream: the proxy asks which of several origins has one, and remembers
// it.

import assert from "node:assert/strict";
import { HttpOrigin } from "../../../tests/support/http_origin.ts";
import { HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { until } from "../../../tests/support/wait.ts";

const FILMS: Readonly<Record<string, string>> = {
  "/live/film.mp4": "0123456789",
  "/live/old.m3u8": "#EXTM3U\n#EXTINF:1,\nold-0.ts\n#EXT-X-ENDLIST\n",
  "/live/old-0.ts": "segment",
  "/rec/2026/show.flv": "FLV recorded",
};

/** An origin with these files; it lets requests for unknown streams wait, as SRS does. */
function originWith(files: Readonly<Record<string, string>>): HttpOrigin {
  return new HttpOrigin(() => (exchange) => {
    const { target, text } = exchange.request;
    const body = files[target.split("?", 1)[0]!];
    if (body === undefined && target.includes(".flv")) return;
    if (body === undefined) {
      return exchange.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    const [, from, to] = /^range: bytes=(\d+)-(\d+)$/im.exec(text) ?? [];
    const part = from === undefined ? body : body.slice(Number(from), Number(to) + 1);
    const status = from === undefined ? "200 OK" : "206 Partial Content";
    const head =
      `HTTP/1.1 ${status}\r\nContent-Length: ${part.length}\r\nX-Target: ${target}\r\n\r\n`;
    return exchange.write(head + part);
  });
}

async function onWorld(
  test: (world: HttpRelayWorld, origins: readonly HttpOrigin[]) => Promise<void>,
  looksForFiles = true,
): Promise<void> {
  await using empty = originWith({});
  await using full = originWith(FILMS);
  await using world = await HttpRelayWorld.open({ looksForFiles: () => looksForFiles });
  await world.addOrigin("empty", empty.httpPort);
  await world.addOrigin("full", full.httpPort);
  await test(world, [empty, full]);
}

Deno.test("a recording is found and served with ranges, and its origin is remembered", async () => {
  await onWorld(async (world, [empty]) => {
    const whole = await world.ask("/live/film.mp4?a=1");
    assert.equal(whole.body, "0123456789");
    assert.match(whole.text, /^HTTP\/1\.1 200 OK\r\n[^]*X-Target: \/live\/film\.mp4\?a=1\r\n/);
    const asked = empty!.requests.length;
    const part = await world.ask("/live/film.mp4", "Range: bytes=3-5");
    assert.deepEqual([part.status, part.body], [206, "345"]);
    assert.equal(empty!.requests.length, asked);
    assert.ok(asked <= 1);
    assert.deepEqual(await world.streams(), [], "a file is not a stream");
    assert.equal(await world.metric('srs_proxy_http_file_searches_total{result="found"}'), 1);
  });
});

Deno.test("a playlist of a recording leads to its own segments", async () => {
  await onWorld(async (world) => {
    for (let times = 0; times < 3; times++) {
      const playlist = await world.ask("/live/old.m3u8");
      assert.equal(playlist.status, 200);
      const [segment] = /^old-0\.ts\?spbhid=\S+$/m.exec(playlist.body) ?? [];
      assert.equal((await world.ask(`/live/${segment}`)).body, "segment");
    }
    assert.deepEqual(await world.streams(), []);
  });
});

Deno.test("a recording named like a live stream is found and is not a session", async () => {
  await onWorld(async (world) => {
    assert.equal((await world.ask("/rec/2026/show.flv")).body, "FLV recorded");
    assert.equal(await world.metric("srs_proxy_http_sessions_opened_total"), 0);
  });
});

Deno.test("a missing file is not searched for again immediately", async () => {
  await onWorld(async (world, origins) => {
    for (let times = 0; times < 5; times++) {
      const { status, body } = await world.ask("/live/none.jpg");
      assert.deepEqual([status, body], [404, "no such page"]);
    }
    for (const { requests } of origins) assert.equal(requests.length, 1);
    assert.equal(await world.metric('srs_proxy_http_file_searches_total{result="missing"}'), 1);
  });
});

Deno.test("paths that cannot or must not be an origin's files are not searched for", async () => {
  const targets = ["/", "/live/", "/index.html", "/api/v1/x.mp4", "/console/a.png", "/.a/b.mp4"];
  await onWorld(async (world, origins) => {
    for (const target of targets) assert.equal((await world.ask(target)).status, 404, target);
    for (const { requests } of origins) assert.equal(requests.length, 0);
  });
  await onWorld(async (world, origins) => {
    assert.equal((await world.ask("/live/film.mp4")).status, 404);
    for (const { requests } of origins) {
      assert.equal(requests.length, 0, "the search is off by default");
    }
  }, false);
});

Deno.test("concurrent requests for the same file share one search", async () => {
  const { promise: allowed, resolve: allow } = Promise.withResolvers<void>();
  await using origin = new HttpOrigin(() => async (exchange) => {
    await allowed;
    await exchange.write("HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx");
  });
  await using world = await HttpRelayWorld.open({ looksForFiles: () => true });
  await world.addOrigin("o", origin.httpPort);
  const first = await world.client();
  await first.get("/live/film.mp4");
  await until("the origin be asked", () => origin.requests.length === 1);
  const others = Array.from({ length: 5 }, () => world.ask("/live/film.mp4"));
  // Requests are handled in order, so the others have arrived when this one is answered.
  assert.equal((await world.ask("/index.html")).status, 404);
  // A client that leaves does not end the search for the others.
  first.close();
  allow();
  for (const { status, body } of await Promise.all(others)) {
    assert.deepEqual([status, body], [206, "x"]);
  }
  const questions = origin.requests.filter(({ text }) => text.includes("bytes=0-0")).length;
  assert.equal(questions, 1);
  assert.equal(await world.metric('srs_proxy_http_file_searches_total{result="found"}'), 1);
});

Deno.test("a file refused to one client is still found for others", async () => {
  await using origin = new HttpOrigin(() => (exchange) => {
    const { text, target } = exchange.request;
    const isKnown = text.includes("Basic good") || target.includes("token=good");
    const status = isKnown ? "206 Partial Content" : "403 Forbidden";
    return exchange.write(`HTTP/1.1 ${status}\r\nContent-Length: 1\r\n\r\nx`);
  });
  await using world = await HttpRelayWorld.open({ looksForFiles: () => true });
  await world.addOrigin("o", origin.httpPort);
  assert.equal((await world.ask("/live/film.mp4")).status, 404);
  assert.equal((await world.ask("/live/film.mp4", "Authorization: Basic bad")).status, 404);
  assert.equal((await world.ask("/live/film.mp4?token=good")).body, "x");
  assert.equal((await world.ask("/live/film.mp4", "Authorization: Basic good")).body, "x");
});

Deno.test("consecutive searches reuse the same connections", async () => {
  await onWorld(async (world, origins) => {
    for (let at = 0; at < 5; at++) {
      assert.equal((await world.ask(`/live/none-${at}.jpg`)).status, 404);
    }
    for (const { requests, taken } of origins) assert.deepEqual([requests.length, taken], [5, 1]);
  });
});

Deno.test("a search ends when its only client leaves", async () => {
  await onWorld(async (world, origins) => {
    const client = await world.client();
    await client.get("/live/none.flv");
    await until("the origins be asked", () => origins.every(({ requests }) => requests.length > 0));
    client.close();
    await until("the origins be left", () => origins.every(({ connections }) => connections === 0));
    assert.deepEqual(world.errors, []);
  });
});
