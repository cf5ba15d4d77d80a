import assert from "node:assert/strict";
import { type StreamKey, streamKeyFromHttp, streamKeyFromRtmp } from "../../core/stream_key.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { decodeSpbhid, encodeSpbhid, takeSpbhid } from "./spbhid.ts";

const SHOW = streamKeyFromRtmp({ tcUrl: "rtmp://127.0.0.1/live", app: "", stream: "show" });

function key(tcUrl: string, stream: string): StreamKey {
  return streamKeyFromRtmp({ tcUrl, app: "", stream });
}

/** Keys of all shapes; all must survive a round trip. */
const KEYS: readonly StreamKey[] = [
  SHOW,
  key("rtmp://demo.com/live", "show"),
  key("rtmp://127.0.0.1/live/room/2", "show"),
  key("rtmp://127.0.0.1", "show"),
  key("rtmp://127.0.0.1/live?vhost=demo", "show"),
  key("rtmp://127.0.0.1/live", "cam.1"),
  key("rtmp://127.0.0.1/live", "cam.flv.flv"),
  key("rtmp://127.0.0.1/live", "cam.ts.m3u8"),
  key("rtmp://127.0.0.1/live", "100%"),
  key("rtmp://127.0.0.1/live", "a&b=c,d;e+f"),
  key("rtmp://127.0.0.1/live", "caf\u00e9 \u{1f3a5}"),
  key("rtmp://b\u00fccher.example/live", "show"),
  key(`rtmp://${"v".repeat(76)}.com/${"a".repeat(79)}`, "s".repeat(79)),
  streamKeyFromHttp({ host: "demo.com", path: "/live/a%3Fb%23c.flv", query: "" }),
  streamKeyFromHttp({ host: "demo.com", path: "/live/a%2e%2e.vhost...b.flv", query: "" }),
];

Deno.test("a value decodes to its stream and origin tag", () => {
  for (const streamKey of KEYS) {
    const text = encodeSpbhid({ key: streamKey, origin: "vid-1" });
    assert.match(text, /^[\w-]+$/);
    assert.ok(text.length <= 1043, `${text.length}`);
    assert.deepEqual(decodeSpbhid(text), { key: streamKey, originTag: originTagOf("vid-1") });
  }
});

Deno.test("the longest key gives the longest value", () => {
  const longest = key(`rtmp://${"v".repeat(76)}.com/${"a".repeat(79)}`, "s".repeat(79));
  const text = encodeSpbhid({ key: longest, origin: "vid-1" });
  assert.equal(text.length, 336);
  assert.deepEqual(decodeSpbhid(text)?.key, longest);
});

Deno.test("values stay the same across versions, because players hold them", () => {
  const text = encodeSpbhid({ key: SHOW, origin: "vid-1" });
  assert.equal(text, "Afmmt56sxEkWfw4EL2xpdmUvc2hvdw");
  assert.equal(originTagOf("vid-1"), "f9a6b79eacc449");
});

Deno.test("different streams and origins have different values", () => {
  const origins = ["vid-1", "vid-2", "", "caf\u00e9"];
  const texts = origins.flatMap((origin) => KEYS.map((key) => encodeSpbhid({ key, origin })));
  assert.equal(new Set(texts).size, texts.length);
});

Deno.test("ten thousand origins have different tags", () => {
  const tags = Array.from({ length: 10_000 }, (_, index) => originTagOf(`vid-${index}`));
  assert.equal(new Set(tags).size, tags.length);
});

Deno.test("a value with one character changed is invalid", () => {
  const text = encodeSpbhid({ key: SHOW, origin: "vid-1" });
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === "A" ? "B" : "A";
    assert.equal(decodeSpbhid(text.slice(0, at) + other + text.slice(at + 1)), undefined);
    assert.equal(decodeSpbhid(text.slice(0, at)), undefined);
  }
});

Deno.test("other encodings of a value are invalid", () => {
  const text = encodeSpbhid({ key: SHOW, origin: "vid-1" });
  const spellings = [
    `${text}=`,
    `${text}==`,
    ` ${text}`,
    `${text}\n`,
    `${text}A`,
    `${text}/`,
    "==",
  ];
  for (const spelling of spellings) assert.equal(decodeSpbhid(spelling), undefined, spelling);
});

Deno.test("a forged value can hold only a valid key", () => {
  const forge = (vhost: string, app: string, stream: string) =>
    decodeSpbhid(encodeSpbhid({ key: { vhost, app, stream, key: "" }, origin: "vid-1" }));
  assert.equal(forge("demo.com", "live", "show")?.key.key, "demo.com/live/show");
  const forgeries = [
    ["Demo.com", "live", "show"],
    ["demo.com.", "live", "show"],
    ["demo.com:80", "live", "show"],
    ["10.0.0.1", "live", "show"],
    ["__defaultvhost__", "live", "show"],
    ["demo.com", "", "show"],
    ["demo.com", "live", ""],
    ["demo.com", "live//room", "show"],
    ["demo.com", "live", ".."],
    ["demo.com", ".", "show"],
    ["demo.com", "_definst_", "show"],
    ["demo.com", "live", "a\0b"],
    ["demo.com", "live", "a b"],
    ["demo.com", "live", "a\rb"],
    ["demo.com", "live", "s".repeat(257)],
    ["", "", ""],
  ] as const;
  for (const [vhost, app, stream] of forgeries) {
    assert.equal(forge(vhost, app, stream), undefined, `${vhost}/${app}/${stream}`);
  }
});

Deno.test("the parameter is removed from a query and the rest is unchanged", () => {
  const cases: readonly (readonly [string, string | undefined, string])[] = [
    ["", undefined, ""],
    ["?spbhid=x", undefined, "?spbhid=x"],
    ["a=b&&c", undefined, "a=b&&c"],
    ["spbhid=x", "x", ""],
    ["a=%2f&spbhid=x&b=", "x", "a=%2f&b="],
    ["spbhid=x&a=b&spbhid=y", "x", "a=b"],
    ["spbhid=", "", ""],
    ["xspbhid=1&spbhid", undefined, "xspbhid=1&spbhid"],
  ];
  for (const [query, spbhid, rest] of cases) {
    assert.deepEqual(takeSpbhid(query), spbhid === undefined ? { rest } : { spbhid, rest }, query);
  }
});
