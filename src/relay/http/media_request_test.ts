import assert from "node:assert/strict";
import { ProxyError } from "../../core/errors.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { encodeSpbhid } from "../../protocol/hls/spbhid.ts";
import { Fields } from "../../protocol/http/head.ts";
import { VARIABLES } from "../../config/table.ts";
import { parsePathTemplate, type PathTemplate } from "../../core/path_template.ts";
import { firstServed, mediaWishOf } from "./media_request.ts";

const KEY = { vhost: "tv.example", app: "live", stream: "show", key: "tv.example/live/show" };
const SPBHID = encodeSpbhid({ key: KEY, origin: "vid-1" });

const { kind: templates, default: usual } = VARIABLES.PROXY_HLS_PATHS;
const TEMPLATES = templates(usual);

interface Asked {
  readonly host?: string;
  /** Streams that have an origin. */
  readonly held?: readonly string[];
  readonly paths?: readonly PathTemplate[];
}

async function ask(
  target: string,
  { host = "tv.example:8080", held = [], paths = TEMPLATES }: Asked = {},
) {
  const [path = "", query = ""] = target.split("?");
  const request = {
    ...{ method: "GET", path, query, host, fields: new Fields([]), version: "1.1" as const },
    ...{ bodyLength: 0, keepAlive: true },
  };
  const wish = mediaWishOf(request, paths);
  const found = await firstServed(wish.guesses, (key) => Promise.resolve(held.includes(key)));
  return found ?? wish.otherwise;
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
  Deno.test(`${target} is a request for ${kind}`, async () => {
    const media = await ask(target);
    assert.equal(media?.kind, kind);
    assert.equal(media.key.key, "tv.example/live/show");
    assert.equal(media.originTag, undefined);
    assert.equal(media.query, target.split("?")[1] ?? "");
  });
}

for (
  const target of [
    ...["/", "/index.html", "/live/show", "/api/v1/versions", "/console/page.js"],
    // SRS answers there with its API when that is on the same port.
    ...["/api/v1/clients/x.flv", "/api//v1/x.ts", "/rtc/v1/x.m3u8", "/%61pi/v1/x.flv"],
    ...["/live/film.mp4", "/live/cover.jpg"],
  ]
) {
  Deno.test(`${target} is no request for media`, async () => {
    assert.equal(await ask(target), undefined);
  });
}

Deno.test("a playlist link names its origin, and the tag is not sent to the origin", async () => {
  for (
    const [path, kind] of [
      ["/live/show-7.ts", "part"],
      ["/live/show/init.mp4", "part"],
      ["/live/show-7.key", "part"],
      ["/live/2026/show/7.vtt", "part"],
      ["/somewhere/live/show.7.m4s", "part"],
      ["/live/show_low.m3u8", "hls"],
      ["/live/show/audio.mpd", "dash"],
    ] as const
  ) {
    const media = await ask(`${path}?a=1&spbhid=${SPBHID}&b=2`);
    assert.equal(media?.kind, kind);
    assert.equal(media.key.key, KEY.key, "the tag's stream counts, not the path's");
    assert.equal(media.originTag, originTagOf("vid-1"));
    assert.equal(media.query, "a=1&b=2");
  }
});

Deno.test("a link to a file outside the stream is not found", async () => {
  for (
    const path of [
      ...["/", "/console/", "/api/v1/versions", "/api/v1/clients/", "/api/v1/raw", "/rtc/v1/whep/"],
      ...["/api/v1/live/show.ts", "/console/live/show.ts", "/api//v1/live/show/7.ts"],
      ...["/live/show.html", "/live/show", "/live/show/", "/live/other-7.ts", "/live/shows-7.ts"],
      ...["/live/other.m3u8", "/show-7.ts", "/other/show-7.ts", "/keys/7.key"],
    ]
  ) {
    await assert.rejects(
      async () => await ask(`${path}?spbhid=${SPBHID}`),
      (error) => error instanceof ProxyError && error.code === "not_found",
      path,
    );
  }
});

Deno.test("a path without the stream's name can belong to it through a configured template", async () => {
  const paths = [parsePathTemplate("keys/[seq].key")];
  const target = `/keys/7.key?spbhid=${SPBHID}`;
  assert.equal((await ask(target, { paths }))?.kind, "part");
  assert.equal(await ask("/keys/7.key", { paths, held: [KEY.key] }), undefined);
});

Deno.test("a live stream is recognized whatever its query says", async () => {
  const other = encodeSpbhid({
    key: { ...KEY, stream: "o", key: "tv.example/live/o" },
    origin: "o",
  });
  for (
    const target of [
      `/live/show.flv?a=1&spbhid=${SPBHID}`,
      `/live/show.flv?spbhid=${other}&a=1`,
      `/live/show.ts?a=1&spbhid=${SPBHID}`,
      `/live/show.aac?spbhid=${SPBHID}&a=1`,
    ]
  ) {
    const media = await ask(target);
    assert.deepEqual([media?.kind, media?.key.key, media?.originTag, media?.query], [
      ...["live", KEY.key, undefined, "a=1"],
    ]);
  }
  const part = await ask(`/live/show-7.ts?spbhid=${SPBHID}`);
  assert.deepEqual(
    [part?.kind, part?.mayBeLive],
    ["part", true],
    "only the response shows which it is",
  );
});

for (
  const [target, held, kind, stream] of [
    ["/live/show/index.m3u8", "live/show", "hls", "live/show"],
    ["/live/show/index.m3u8", "live/show/index", "hls", "live/show/index"],
    ["/live/show/index.m3u8", "", "hls", "live/show"],
    ["/live/show/index.mpd", "", "dash", "live/show"],
    ["/live/show/low.m3u8", "live/show", "hls", "live/show"],
    ["/live/show/low.m3u8", "live/show/low", "hls", "live/show/low"],
    ["/live/show/low.m3u8", "", "hls", "live/show/low"],
    ["/live/show-2.m3u8", "live/show", "hls", "live/show"],
    ["/live/show-2.m3u8", "", "hls", "live/show-2"],
    ["/live/show-7.ts", "live/show", "part", "live/show"],
    ["/live/show-2-7.ts", "live/show-2", "part", "live/show-2"],
    ["/live/show-7.ts", "live/show-7", "live", "live/show-7"],
    ["/live/show-7.ts", "", "live", "live/show-7"],
    ["/live/show/7.ts", "live/show", "part", "live/show"],
    ["/live/show/video-7.m4s", "live/show", "part", "live/show"],
    ["/live/show/init.mp4", "live/show", "part", "live/show"],
    ["/live/show-7.m4s", "live/show", "part", "live/show"],
  ] as const
) {
  Deno.test(`${target} belongs to ${stream} when ${held || "nothing"} is live`, async () => {
    const media = await ask(target, { held: [`tv.example/${held}`] });
    assert.deepEqual([media?.kind, media?.key.key], [kind, `tv.example/${stream}`]);
  });
}

Deno.test("the default templates match where SRS serves its streams", async () => {
  const paths = [
    "hls/[app]/[2006]/[01]/[02]/[stream]_[timestamp]-[seq].[duration].ts",
    "/[vhost]/[app]/[stream].m3u8",
  ].map(parsePathTemplate);
  const held = ["tv.example/live/sub/show"];
  const segment = "/hls/live/sub/2026/11/28/show_17000-4.2000.ts";
  assert.equal((await ask(segment, { paths, held }))?.key.key, held[0]);
  const playlist = "/tv.example/live/sub/show.m3u8";
  assert.equal((await ask(playlist, { paths, host: "10.0.0.1" }))?.key.key, held[0]);
});

Deno.test("a forged link is not found", async () => {
  for (const spbhid of ["", "x", SPBHID.slice(1), `${SPBHID}A`, "..%2f", "a".repeat(5000)]) {
    await assert.rejects(async () => await ask(`/live/show-7.ts?spbhid=${spbhid}`), (error) => {
      return error instanceof ProxyError && error.code === "not_found";
    });
  }
});

Deno.test("a path that servers may interpret differently is refused", async () => {
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
    await assert.rejects(
      async () => await ask(path),
      (error) => error instanceof ProxyError && error.code === "bad_request",
    );
  }
});
