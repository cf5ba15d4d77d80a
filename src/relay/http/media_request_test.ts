import assert from "node:assert/strict";
import { ProxyError } from "../../core/errors.ts";
import { encodeSpbhid, originTagOf } from "../../protocol/hls/spbhid.ts";
import { Fields } from "../../protocol/http/head.ts";
import { type MediaRequest, mediaRequestOf } from "./media_request.ts";

const KEY = { vhost: "tv.example", app: "live", stream: "show", key: "tv.example/live/show" };
const SPBHID = encodeSpbhid({ key: KEY, origin: "vid-1" });

function ask(target: string, host = "tv.example:8080"): MediaRequest | undefined {
  const [path = "", query = ""] = target.split("?");
  return mediaRequestOf({
    method: "GET",
    path,
    query,
    host,
    fields: new Fields([]),
    version: "1.1",
    bodyLength: 0,
    keepAlive: true,
  });
}

for (
  const [target, kind] of [
    ["/live/show.flv", "live"],
    ["/live/show.TS?token=a", "live"],
    ["/live/show.mp3", "live"],
    ["/live/show.aac", "live"],
    ["/live/show.m3u8?hls_ctx=1", "hls"],
    ["/live/show.mpd", "dash"],
  ] as const
) {
  Deno.test(`${target} is a request for ${kind}`, () => {
    const media = ask(target);
    assert.equal(media?.kind, kind);
    assert.equal(media.key.key, "tv.example/live/show");
    assert.equal(media.originTag, undefined);
    assert.equal(media.query, target.split("?")[1] ?? "");
  });
}

for (const target of ["/", "/index.html", "/live/show", "/api/v1/versions", "/console/page.js"]) {
  Deno.test(`${target} is no request for media`, () => assert.equal(ask(target), undefined));
}

Deno.test("a link of a playlist names its origin, and the origin does not see how", () => {
  for (
    const [path, kind] of [
      ["/live/show-7.ts", "part"],
      ["/live/show/init.mp4", "part"],
      ["/keys/7.key", "part"],
      ["/live/show_low.m3u8", "hls"],
      ["/live/show/audio.mpd", "dash"],
    ] as const
  ) {
    const media = ask(`${path}?a=1&spbhid=${SPBHID}&b=2`);
    assert.equal(media?.kind, kind);
    assert.equal(media.key.key, KEY.key, "whatever the path says");
    assert.equal(media.originTag, originTagOf("vid-1"));
    assert.equal(media.query, "a=1&b=2");
  }
});

Deno.test("a forged link is not found", () => {
  for (const spbhid of ["", "x", SPBHID.slice(1), `${SPBHID}A`, "..%2f", "a".repeat(5000)]) {
    assert.throws(() => ask(`/live/show-7.ts?spbhid=${spbhid}`), (error) => {
      return error instanceof ProxyError && error.code === "not_found";
    });
  }
});

Deno.test("a path that two servers may read in two ways is refused", () => {
  const paths = [
    "/live/../show.flv",
    "/live/./show.flv",
    "/live/..",
    "/live/%2e%2e/show.flv",
    "/live/.%2E/show.flv",
    "/live%2fshow.flv",
    "/live%5Cshow.flv",
    "/live\\show.flv",
    "/live/show%00.flv",
    "/..%2f..%2fetc/passwd",
  ];
  for (const path of paths) {
    assert.throws(
      () => ask(path),
      (error) => error instanceof ProxyError && error.code === "bad_request",
    );
  }
});
