// A player's request reaches the origin complete, as the origin's log and hooks show: the query
// with its token, the Host, the player's address, ranges and conditions. Also what happens to a
// player when its origin dies, and to an origin's connection when its player leaves.

import assert from "node:assert/strict";
import { EventHook } from "../support/event_hook.ts";
import { Publisher, testFile } from "../support/ffmpeg.ts";
import {
  assertSameBodies,
  clientOf,
  fetchWhole,
  LiveReader,
  mediaPlaylist,
  mediaUrl,
  sha256,
  textOf,
  type WholeAnswer,
} from "../support/http_media.ts";
import { type LoggedRequest, NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import type { OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until, within } from "../support/wait.ts";

const DOMAIN = "live.example.com";
const AT_ONCE = 1_000;

/** The latest request for a target in nginx's log. */
async function logged(origin: NginxRtmp, target: string): Promise<LoggedRequest> {
  return await until(`${target} in the origin's log`, async () => {
    return (await origin.requests()).findLast((request) => request.target === target);
  }, { describe: () => origin.process.errorText });
}

/** Requests a path from the proxy with another Host. */
async function getAs(
  proxy: Proxy,
  host: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<WholeAnswer> {
  using client = clientOf(proxy.ports.httpServer);
  return await fetchWhole(`http://${host}${path}`, { client, headers });
}

function assertNoAddress(answer: WholeAnswer, origins: readonly OriginServer[]): void {
  const text = `${JSON.stringify([...answer.headers])} ${textOf(answer)}`;
  assert.doesNotMatch(text, /127\.0\.0\.1|localhost/);
  for (const { rtmpPort, httpPort } of origins) {
    assert.doesNotMatch(text, new RegExp(`\\b(${rtmpPort}|${httpPort})\\b`));
  }
}

Deno.test({
  name: "query, Host and player's address reach the origin with FLV, playlists and segments",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open({ hls: true });
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await origin.addFile("/live/film.flv", await testFile());
    await mediaPlaylist(mediaUrl(proxy, "/live/x.m3u8"), 2);
    for (const host of [DOMAIN, `${DOMAIN}:8080`]) {
      const target = `/live/x.m3u8?token=a%20b&port=${host.length}&empty=`;
      const playlist = await getAs(proxy, host, target);
      assert.equal(playlist.status, 200);
      const link = new URL(/^x-\d+\.ts\S*$/m.exec(textOf(playlist))![0], `http://${host}/live/`);
      const segment = `${link.pathname}${link.search}`;
      assert.equal((await getAs(proxy, host, `${segment}&token=c`)).status, 200);
      const flv = `/live/film.flv?token=d&port=${host.length}`;
      assert.equal((await getAs(proxy, host, flv, { authorization: "Bearer e" })).status, 200);
      for (const seen of [target, `${link.pathname}?token=c`, flv]) {
        const { fields, status } = await logged(origin, seen);
        assert.deepEqual({ status, ...fields }, {
          ...{ status: "200", host, "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1" },
          ...{ "x-forwarded-proto": "http", "x-forwarded-host": host, range: "" },
          ...{ authorization: seen === flv ? "Bearer e" : "", "if-none-match": "" },
          ...{ "user-agent": fields["user-agent"], connection: "" },
        });
        assert.match(fields["user-agent"]!, /^Deno/);
      }
    }
    const targets = (await origin.requests()).map(({ target }) => target);
    assert.deepEqual(targets.filter((target) => target.includes("spbhid")), []);
  },
});

Deno.test({
  name: "a client named by a trusted proxy reaches the origin, one named by anybody else does not",
  timeout: 60_000,
  async fn() {
    await using trusting = await Proxy.open({ PROXY_TRUSTED_PROXIES: "127.0.0.0/8" });
    await using distrusting = await Proxy.open();
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([trusting, distrusting], origin);
    await origin.addFile("/live/film.flv", await testFile());
    const headers = { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" };
    await getAs(trusting, DOMAIN, "/live/film.flv?trusting", headers);
    await getAs(distrusting, DOMAIN, "/live/film.flv?distrusting", headers);
    const believed = (await logged(origin, "/live/film.flv?trusting")).fields;
    assert.equal(believed["x-forwarded-for"], "203.0.113.7, 127.0.0.1");
    assert.equal(believed["x-forwarded-proto"], "https");
    assert.equal(believed["x-real-ip"], "203.0.113.7");
    const doubted = (await logged(origin, "/live/film.flv?distrusting")).fields;
    assert.equal(doubted["x-forwarded-for"], "127.0.0.1");
    assert.equal(doubted["x-forwarded-proto"], "http");
    assert.equal(doubted["x-real-ip"], "127.0.0.1");
  },
});

Deno.test({
  name: "ranges, conditions, HEAD and the origin's refusals are passed on unchanged",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    const file = await testFile();
    await origin.addFile("/live/film.flv", file);
    const bytes = await Deno.readFile(file);
    const url = mediaUrl(proxy, "/live/film.flv");

    const whole = await fetchWhole(url);
    assert.equal(await sha256(whole.body), await sha256(bytes));
    assert.equal(whole.headers.get("content-type"), "video/x-flv");
    const part = await fetchWhole(url, { headers: { range: "bytes=1000-1999" } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("content-range"), `bytes 1000-1999/${bytes.length}`);
    assert.equal(await sha256(part.body), await sha256(bytes.slice(1_000, 2_000)));
    const beyond = await fetchWhole(url, { headers: { range: `bytes=${bytes.length}-` } });
    assert.equal(beyond.status, 416);
    const etag = whole.headers.get("etag")!;
    const known = await fetchWhole(url, { headers: { "if-none-match": etag } });
    assert.deepEqual([known.status, known.body.length], [304, 0]);
    const head = await fetchWhole(url, { method: "HEAD" });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    assert.equal(head.headers.get("content-length"), `${bytes.length}`);

    const direct = await fetchWhole(origin.httpUrl("/live/none.flv"));
    const missing = await fetchWhole(mediaUrl(proxy, "/live/none.flv"));
    assert.deepEqual([missing.status, textOf(missing)], [404, textOf(direct)]);
  },
});

Deno.test({
  name:
    "node-media-server gets the token of a live FLV, and notices at once when its player leaves",
  timeout: 90_000,
  async fn() {
    await using hook = new EventHook();
    await using proxy = await Proxy.open();
    await using origin = await NodeMediaServer.open({ notifyUrl: hook.url });
    await using _registration = await Registration.open([proxy], origin);
    await using publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using player = await LiveReader.open(
      mediaUrl(proxy, "/live/x.flv?token=a%26b&user=c"),
    );
    const play = { protocol: "flv", name: "x", query: { token: "a&b", user: "c" } };
    await hook.event("prePlay", play);
    await player.bytes(20_000);
    publisher.process.signal("SIGSTOP");
    await assertLeaves(player, hook, "donePlay", play);
  },
});

/**
 * Checks that the origin reports a player's leaving soon, and not before. The stream is silent, so
 * that no failing write reveals it.
 */
async function assertLeaves(
  player: LiveReader,
  hook: EventHook,
  action: string,
  play: Readonly<Record<string, unknown>>,
): Promise<void> {
  await player.silence();
  assert.equal(hook.find(action, play), undefined, "the origin has disconnected the player");
  const leftAt = performance.now();
  await player[Symbol.asyncDispose]();
  const { at } = await hook.event(action, play);
  assert.ok(at - leftAt < AT_ONCE, `it took ${Math.round(at - leftAt)} ms`);
}

Deno.test({
  name:
    "SRS gets token, vhost and address of FLV and HLS players, and notices at once when one leaves",
  ignore: SRS_BIN === undefined,
  timeout: 90_000,
  async fn() {
    await using hook = new EventHook();
    await using proxy = await Proxy.open({ PROXY_TRUSTED_PROXIES: "127.0.0.1" });
    const options = { vhosts: [DOMAIN], hookUrl: hook.url };
    await using first = await Srs.open({ ...options, name: "srs-1" });
    await using second = await Srs.open({ ...options, name: "srs-2" });
    await using _first = await Registration.open([proxy], first);
    await using _second = await Registration.open([proxy], second);
    const publishUrl = proxy.rtmpUrl(`x?vhost=${DOMAIN}`);
    await using publisher = await Publisher.publish(publishUrl);
    const play = { vhost: DOMAIN, app: "live", ip: "203.0.113.7" };
    for (const [index, host] of [DOMAIN, `${DOMAIN}:8080`].entries()) {
      const headers = { "x-forwarded-for": play.ip };
      using client = clientOf(proxy.ports.httpServer);
      const url = `http://${host}/live/x.flv?token=flv-${index}`;
      await using player = await LiveReader.open(url, { client, headers });
      const flv = { ...play, stream: "x", param: `?token=flv-${index}` };
      await hook.event("on_play", flv);
      await player.bytes(20_000);
      publisher.process.signal("SIGSTOP");
      await assertLeaves(player, hook, "on_stop", flv);
      publisher.process.signal("SIGCONT");
      const master = await until("the playlist", async () => {
        const answer = await getAs(proxy, host, `/live/x.m3u8?token=hls-${index}`, headers);
        return answer.status === 200 && answer;
      });
      const link = /^\/live\/x\.m3u8\S+$/m.exec(textOf(master))![0];
      assert.match(link, /[?&]hls_ctx=\w+/);
      assert.match(link, new RegExp(`[?&]token=hls-${index}(&|$)`));
      const media = await getAs(proxy, host, link, headers);
      assert.match(textOf(media), /^x-\d+\.ts\?\S*spbhid=/m);
      await hook.event("on_play", { ...play, stream: "x.m3u8", param: `?token=hls-${index}` });
    }
  },
});

/**
 * Asserts that bytes are only FLV: its header, then audio, video and metadata tags, the last one
 * possibly truncated.
 */
function assertOnlyFlv(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  assert.equal(new TextDecoder().decode(bytes.subarray(0, 3)), "FLV");
  let tags = 0;
  for (let at = view.getUint32(5) + 4; at + 11 <= bytes.length; tags++) {
    assert.ok([8, 9, 18].includes(bytes[at]!), `a tag of type ${bytes[at]} at ${at}`);
    const end = at + 11 + (view.getUint32(at) & 0xffffff);
    if (end + 4 <= bytes.length) assert.equal(view.getUint32(end), end - at, `the tag at ${at}`);
    at = end + 4;
  }
  assert.ok(tags > 10, `${tags} tags`);
}

Deno.test({
  name:
    "an origin killed in the middle of a live FLV adds nothing to the FLV, and its address is not revealed",
  timeout: 90_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NodeMediaServer.open();
    await using registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using player = await LiveReader.open(mediaUrl(proxy, "/live/x.flv"));
    await player.bytes(20_000);
    await registration[Symbol.asyncDispose]();
    await origin.process.kill();
    const error = await within("the end of the stream", AT_ONCE, player.ended);
    assert.ok(error instanceof Error, "a truncated stream has ended like a complete one");
    assertOnlyFlv(player.received);
    const later = await fetchWhole(mediaUrl(proxy, "/live/x.flv"));
    assert.ok([404, 502, 503].includes(later.status), `${later.status}`);
    assertNoAddress(later, [origin]);
    assert.equal(await proxy.isReady(), true);
  },
});

Deno.test({
  name:
    "when an HLS origin is killed, the other one is asked and serves the stream once it is published again",
  timeout: 90_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using first = await NginxRtmp.open({ name: "nginx-1", hls: true });
    await using second = await NginxRtmp.open({ name: "nginx-2", hls: true });
    await using firstRegistration = await Registration.open([proxy], first);
    await using secondRegistration = await Registration.open([proxy], second);
    await using publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    const url = mediaUrl(proxy, "/live/x.m3u8");
    const before = await mediaPlaylist(url, 2);
    assert.equal((await fetchWhole(before.links[0]!)).status, 200);

    const isFirst = (await first.publishedStreams()).includes("x");
    const [owner, survivor] = isFirst ? [first, second] : [second, first];
    await (isFirst ? firstRegistration : secondRegistration)[Symbol.asyncDispose]();
    await owner.process.kill();
    // Until the publisher is told, its stream stays where it was.
    await publisher.end();
    for (const link of [url, before.links[0]!]) {
      const later = await fetchWhole(link);
      assert.ok([404, 502, 503].includes(later.status), `${link}: ${later.status}`);
      assertNoAddress(later, [first, second]);
    }
    assert.equal((await logged(survivor, "/live/x.m3u8")).status, "404");
    await using _again = await Publisher.publish(proxy.rtmpUrl("x"));
    const after = await mediaPlaylist(url, 2);
    assert.notEqual(after.links[0], before.links[0]);
    // A link that names the dead origin still leads to the stream.
    await assertSameBodies([...after.links, before.links[0]!], survivor);
  },
});
