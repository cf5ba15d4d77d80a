import assert from "node:assert/strict";
import { encodeSpbhid } from "../../protocol/hls/spbhid.ts";
import { HttpOrigin } from "../../../tests/support/http_origin.ts";
import { HTTP_TIMEOUTS, HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { until, within } from "../../../tests/support/wait.ts";

const KEY = { vhost: "tv.example", app: "live", stream: "show", key: "tv.example/live/show" };
const SPBHID = `spbhid=${encodeSpbhid({ key: KEY, origin: "o" })}`;
const PLAYLIST = "#EXTM3U\r\n#EXTINF:1,\r\nshow-7.ts?hls_ctx=1\r\n";
const REWRITTEN = `#EXTM3U\r\n#EXTINF:1,\r\nshow-7.ts?hls_ctx=1&${SPBHID}\r\n`;

interface Served {
  readonly body: string;
  readonly lines?: readonly string[];
  readonly framing?: "length" | "chunked" | "close";
}

function serving({ body, lines = [], framing = "length" }: Served): HttpOrigin {
  return new HttpOrigin(() => async (exchange) => {
    const frame = framing === "length"
      ? [`Content-Length: ${body.length}`]
      : framing === "chunked"
      ? ["Transfer-Encoding: chunked"]
      : [];
    await exchange.write(["HTTP/1.1 200 OK", ...lines, ...frame, "", ""].join("\r\n"));
    const size = body.length.toString(16);
    await exchange.write(framing === "chunked" ? `${size}\r\n${body}\r\n0\r\n\r\n` : body);
    if (framing === "close") exchange.close();
  });
}

async function compressed(text: string, format: CompressionFormat): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream(format));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return String.fromCharCode(...bytes);
}

for (const framing of ["length", "chunked", "close"] as const) {
  Deno.test(`a playlist delimited by ${framing} has its links rewritten`, async () => {
    await using origin = serving({
      body: PLAYLIST,
      lines: ['ETag: "x"', "Accept-Ranges: bytes", "Content-Type: application/x-mpegURL"],
      framing,
    });
    await using world = await HttpRelayWorld.open();
    await world.addOrigin("o", origin.httpPort);
    const client = await world.ask(
      "/live/show.m3u8?a=1",
      "Accept-Encoding: gzip",
      "Range: bytes=0-",
    );
    assert.equal(client.status, 200);
    assert.equal(client.body, REWRITTEN);
    assert.match(client.text, new RegExp(`\r\nContent-Length: ${REWRITTEN.length}\r\n`));
    assert.match(client.text, /\r\nContent-Type: application\/x-mpegURL\r\n/);
    assert.match(client.text, /\r\nETag: "x"\r\n/);
    assert.doesNotMatch(client.text, /accept-ranges/i);
    assert.equal(origin.field("accept-encoding"), undefined);
    assert.equal(origin.field("range"), undefined);
    assert.deepEqual(await world.streams(), [KEY.key]);
    assert.equal(world.sessions.size, 0, "a playlist is not a session");
  });
}

for (const format of ["gzip", "deflate"] as const) {
  Deno.test(`a playlist compressed with ${format} unasked is decoded`, async () => {
    const body = await compressed(PLAYLIST, format);
    await using origin = serving({ body, lines: [`Content-Encoding: ${format}`] });
    await using world = await HttpRelayWorld.open();
    await world.addOrigin("o", origin.httpPort);
    const client = await world.ask("/live/show.m3u8");
    assert.equal(client.body, REWRITTEN);
    assert.doesNotMatch(client.text, /content-encoding/i);
  });
}

Deno.test("a body that cannot be read is passed on unchanged", async () => {
  for (
    const served of [
      { body: "<html>not found</html>" },
      { body: PLAYLIST, lines: ["Content-Encoding: br"] },
      { body: PLAYLIST, lines: ["Content-Encoding: gzip"] },
      { body: "" },
    ]
  ) {
    await using origin = serving(served);
    await using world = await HttpRelayWorld.open();
    await world.addOrigin("o", origin.httpPort);
    const client = await world.ask("/live/show.m3u8");
    assert.equal(client.status, 200);
    assert.equal(client.body, served.body);
    assert.equal(/content-encoding/i.test(client.text), "lines" in served);
  }
});

Deno.test("a DASH manifest has its links rewritten", async () => {
  const mpd = (query: string) => `<MPD><Period><SegmentURL media="a.m4s${query}"/></Period></MPD>`;
  await using origin = serving({ body: mpd("") });
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  assert.equal((await world.ask("/live/show.mpd")).body, mpd(`?${SPBHID}`));
});

Deno.test("a media playlist is fetched from the origin that its link names", async () => {
  await using origin = serving({ body: PLAYLIST });
  await using other = serving({ body: PLAYLIST });
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  await world.addOrigin("p", other.httpPort);
  for (let round = 0; round < 4; round++) {
    const client = await world.ask(`/live/show_low.m3u8?hls_ctx=9&${SPBHID}`);
    assert.equal(client.body, REWRITTEN);
  }
  assert.equal(origin.requests[0]?.start, "GET /live/show_low.m3u8?hls_ctx=9 HTTP/1.1");
  assert.deepEqual([other.taken, other.connections], [0, 0]);
  assert.deepEqual(await world.streams(), []);
});

Deno.test("a playlist that breaks off or never ends is an error", async () => {
  await using origin = new HttpOrigin(() => async (exchange) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n#EXTM3U\n");
    if (exchange.request.target.includes("broken")) return exchange.close();
    const rest = new Uint8Array(exchange.request.target.includes("long") ? 4_900_000 : 0).fill(10);
    await exchange.write(rest);
  });
  const timeouts = { ...HTTP_TIMEOUTS, answer: 20_000, idle: 60_000, stall: 60_000 };
  const ask = async (name: string, answer = timeouts.answer) => {
    await using world = await HttpRelayWorld.open({ timeouts: () => ({ ...timeouts, answer }) });
    await world.addOrigin("o", origin.httpPort);
    const { status, body } = await world.ask(`/live/${name}.m3u8`);
    assert.deepEqual(await world.streams(), []);
    return [status, body];
  };
  assert.deepEqual(await ask("broken"), [502, "Origin has closed the connection\n"]);
  assert.deepEqual(await ask("slow", 300), [504, "Origin does not answer\n"]);
  assert.deepEqual(await ask("long"), [502, "Origin's answer is too long\n"]);
});

Deno.test("a small playlist that decodes to a huge one is refused", async () => {
  const body = await compressed("#EXTM3U\n" + "#\n".repeat(2_300_000), "gzip");
  await using origin = serving({ body, lines: ["Content-Encoding: gzip"] });
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  assert.equal((await world.ask("/live/show.m3u8")).status, 502);
});

Deno.test("a player that requests playlists and reads none is disconnected", async () => {
  const playlist = `#EXTM3U\n${"#EXT-X-OF-MANY-LINES\n".repeat(40_000)}`;
  await using origin = new HttpOrigin(() => (exchange) =>
    exchange.write(
      `HTTP/1.1 200 OK\r\nContent-Length: ${playlist.length}\r\nConnection: close\r\n\r\n${playlist}`,
    )
  );
  const timeouts = { ...HTTP_TIMEOUTS, idle: 60_000, stall: 400 };
  await using world = await HttpRelayWorld.open({ timeouts: () => timeouts });
  await world.addOrigin("o", origin.httpPort);
  using lazy = await world.client();
  await lazy.send("GET /live/show.m3u8 HTTP/1.1\r\nHost: h\r\n\r\n".repeat(20));
  await until("the first playlist be asked for", () => origin.requests.length > 0);
  await within("the end of the connection", 10_000, world.relay.idle());
});

Deno.test("playlists and segments have no session, but count towards the rates of their stream and origin", async () => {
  const body = PLAYLIST.padEnd(10_000, "#");
  await using origin = serving({ body });
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  await world.ask("/live/show.m3u8");
  await world.ask(`/live/show-7.ts?${SPBHID}`);
  const rates = () => [...world.sessions.all().parts];
  const [rate, ...others] = await until("a rate", () => rates().length > 0 ? rates() : undefined);
  assert.deepEqual(others, []);
  const { bitsOut, ...what } = rate!;
  assert.deepEqual(what, { stream: KEY.key, origin: "o" });
  // The rate is averaged over at least ten seconds.
  assert.ok(bitsOut > 10_000 && bitsOut < 20_000, String(bitsOut));
  assert.equal(world.sessions.size, 0);
});
