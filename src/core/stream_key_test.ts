import assert from "node:assert/strict";
import { ProxyError } from "./errors.ts";
import { streamKeyFromHttp, streamKeyFromRtmp } from "./stream_key.ts";

function rtmp(tcUrl: string, stream: string, app = ""): string {
  return streamKeyFromRtmp({ tcUrl, app, stream }).key;
}

function http(host: string, path: string, query = ""): string {
  return streamKeyFromHttp({ host, path, query }).key;
}

/** Spellings of one stream over RTMP, as `[tcUrl, stream]`. */
const RTMP: Readonly<Record<string, readonly (readonly [tcUrl: string, stream: string])[]>> = {
  "__defaultVhost__/live/show": [
    ["rtmp://127.0.0.1/live", "show"],
    ["rtmp://127.0.0.1:1935/live", "show"],
    ["rtmp://[2001:db8::1]:1935/live", "show"],
    ["rtmp://localhost/live", "show"],
    ["rtmp://__defaultVhost__/live", "show"],
    ["RTMPS://user:secret@srs:443/live", "show"],
    ["rtmp://127.0.0.1/live/", "show"],
    ["rtmp://127.0.0.1/live//", "/show"],
    ["rtmp://127.0.0.1/live", "show/"],
    ["rtmp://127.0.0.1/live/_definst_", "show"],
    ["rtmp://127.0.0.1/live", "show?token=abc/def&x=1"],
    ["rtmp://127.0.0.1/live?token=abc", "show"],
    ["rtmp://127.0.0.1/live?vhost=__defaultVhost__", "show"],
    ["rtmp://127.0.0.1/live?vhost=10.0.0.1", "show"],
    ["rtmp://127.0.0.1/live", "show.flv"],
    ["rtmp://127.0.0.1/live", "s how\n"],
    ["rtmp://127.0.0.1/live", "%73how"],
    ["rtmp://127.0.0.1/live/show", ""],
    ["rtmp://127.0.0.1/live?token=abc/show", ""],
    ["rtmp://127.0.0.1/live", "show#vhost"],
  ],
  "demo.com/live/show": [
    ["rtmp://demo.com/live", "show"],
    ["rtmp://DEMO.com.:19350/live", "show"],
    ["rtmp://127.0.0.1/live?vhost=demo.com", "show"],
    ["rtmp://127.0.0.1/live?vhost=demo.com&token=abc", "show?token=abc"],
    ["rtmp://127.0.0.1/live?token=abc&&vhost=Demo.COM.", "show"],
    ["rtmp://127.0.0.1/live?domain=demo.com", "show"],
    ["rtmp://other.com/live", "show?vhost=demo.com"],
    ["rtmp://other.com/live", "show?domain=demo.com"],
    ["rtmp://other.com/live", "show?domain=x.com,vhost=demo.com;a=b"],
    ["rtmp://other.com/live...vhost...demo.com", "show"],
    ["rtmp://other.com/live...vhost...demo.com&token=abc", "show"],
    ["rtmp://other.com/live", "show...vhost...demo.com"],
    ["rtmp://other.com/live...vhost...demo.com/show", ""],
    ["rtmp://demo.com/live?vhost=", "show?domain="],
    ["rtmp://demo.com/live", "show?vhost=__defaultVhost__"],
    ["rtmp://x.com/live?vhost=x.com", "show?vhost=demo.com:1935"],
  ],
  "demo/live/show": [["rtmp://127.0.0.1/live", "show?vhost=demo"]],
  "__defaultVhost__/live/room/show": [
    ["rtmp://127.0.0.1/live/room", "show"],
    ["rtmp://127.0.0.1/live", "room/show"],
    ["rtmp://127.0.0.1/live/_definst_/room", "show"],
    ["rtmp://127.0.0.1/live/room/show", ""],
  ],
  "__defaultVhost__/__defaultApp__/show": [
    ["rtmp://127.0.0.1", "show"],
    ["rtmp://127.0.0.1/", "show"],
  ],
  "__defaultVhost__/live/cam.1": [["rtmp://127.0.0.1/live", "cam.1"]],
  "__defaultVhost__/live/100%": [["rtmp://127.0.0.1/live", "100%"]],
  "__defaultVhost__/live/caf\u00e9": [
    ["rtmp://127.0.0.1/live", "caf\u00e9"],
    ["rtmp://127.0.0.1/live", "caf%C3%A9"],
  ],
  "xn--bcher-kva.example/live/show": [
    ["rtmp://b\u00fccher.example/live", "show"],
    ["rtmp://B\u00dcCHER.example:1935/live", "show"],
  ],
};

/** Spellings of one stream over HTTP, as `[host, path, query]`. */
const HTTP: Readonly<Record<string, readonly (readonly [string, string, string?])[]>> = {
  "__defaultVhost__/live/show": [
    ["127.0.0.1:8080", "/live/show.flv"],
    ["[::1]:8080", "/live/show.m3u8", "hls_ctx=abc"],
    ["localhost", "/live/show.ts"],
    ["", "/live/show.mp3"],
    ["srs", "/live/show.AAC", "?token=a/b"],
    ["127.0.0.1", "/live/show.mpd"],
    ["127.0.0.1", "/live/_definst_/show.flv"],
    ["127.0.0.1", "//live//show"],
    ["127.0.0.1", "/live/%73how.flv"],
    ["127.0.0.1", "/live/show%2Eflv"],
  ],
  "demo.com/live/show": [
    ["demo.com", "/live/show.flv"],
    ["Demo.Com.:443", "/live/show.flv"],
    ["127.0.0.1", "/live/show.flv", "vhost=demo.com"],
    ["127.0.0.1", "/live/show.flv", "?token=x&domain=demo%2Ecom"],
    ["127.0.0.1", "/live...vhost...demo.com/show.flv"],
  ],
  "__defaultVhost__/__defaultApp__/show": [["127.0.0.1", "/show.flv"]],
  "__defaultVhost__/live/cam.1": [["127.0.0.1", "/live/cam.1.flv"]],
  "__defaultVhost__/live/caf\u00e9": [["127.0.0.1", "/live/caf%c3%a9.flv"]],
};

Deno.test("all spellings of a stream over RTMP give one key", () => {
  for (const [key, spellings] of Object.entries(RTMP)) {
    for (const [tcUrl, stream] of spellings) {
      assert.equal(rtmp(tcUrl, stream), key, `${tcUrl} ${stream}`);
    }
  }
});

Deno.test("all spellings of a stream over HTTP give the same key", () => {
  for (const [key, spellings] of Object.entries(HTTP)) {
    for (const [host, path, query] of spellings) {
      assert.equal(http(host, path, query), key, `${host} ${path} ${query}`);
    }
  }
});

Deno.test("the app counts only when there is no tcUrl", () => {
  assert.equal(rtmp("", "show", "live"), "__defaultVhost__/live/show");
  assert.equal(rtmp("", "show", "live?vhost=demo.com"), "demo.com/live/show");
  assert.equal(rtmp("rtmp://demo.com/live", "show", "other"), "demo.com/live/show");
});

Deno.test("the parts of a key are available separately", () => {
  const request = { tcUrl: "rtmp://demo.com/live/room", app: "live/room", stream: "show?a=b" };
  assert.deepEqual(streamKeyFromRtmp(request), {
    vhost: "demo.com",
    app: "live/room",
    stream: "show",
    key: "demo.com/live/room/show",
  });
});

Deno.test("a request that names no usable stream is refused", () => {
  const cases = [
    () => rtmp("rtmp://127.0.0.1/live", ""),
    () => rtmp("rtmp://127.0.0.1/live", "?token=abc"),
    () => rtmp("rtmp://127.0.0.1/live", "///"),
    () => rtmp("", "", ""),
    () => rtmp("rtmp://127.0.0.1/live", "a\0b"),
    () => rtmp("rtmp://127.0.0.1/live", "a\x1b[31m"),
    () => rtmp("rtmp://127.0.0.1/live", "a\u009b31m"),
    () => rtmp("rtmp://127.0.0.1/live", ".."),
    () => rtmp("rtmp://a.\0.com/live", "show"),
    () => http("127.0.0.1", "/live/"),
    () => http("127.0.0.1", ""),
    () => http("127.0.0.1", "/live/../show.flv"),
    () => http("127.0.0.1", "/live/%2e%2e/show.flv"),
    () => http("127.0.0.1", "/live/a%2fb.flv"),
    () => http("127.0.0.1", "/live/a%00b.flv"),
  ];
  for (const refused of cases) {
    assert.throws(
      refused,
      (error) => error instanceof ProxyError && error.code === "bad_request",
      String(refused),
    );
  }
});

Deno.test("no part of a key contains half a character or invisible characters", () => {
  const flaws = ["\ud800", "\udc00", "\u0001", "\u007f", "\u009b", "\u2028", "\u202e", "\u2066"];
  for (const flaw of flaws) {
    const cases = [
      () => rtmp("rtmp://127.0.0.1/live", `a${flaw}b`),
      () => rtmp(`rtmp://127.0.0.1/li${flaw}ve`, "show"),
      () => rtmp("rtmp://127.0.0.1/live", `show?vhost=tv${flaw}.example`),
      () => rtmp(`rtmp://tv${flaw}.example/live`, "show"),
      () => http(`tv${flaw}.example`, "/live/show.flv"),
      ...(flaw.isWellFormed()
        ? [
          () => http("127.0.0.1", `/live/a${encodeURIComponent(flaw)}b.flv`),
          () => http("127.0.0.1", "/live/show.flv", `vhost=tv${encodeURIComponent(flaw)}.example`),
        ]
        : []),
    ];
    for (const refused of cases) {
      assert.throws(refused, {
        code: "bad_request",
        message: /must not contain (?:half a character|control characters)/,
      }, `${JSON.stringify(flaw)} ${refused}`);
    }
  }
});

Deno.test("a host of any length takes linear time", () => {
  for (const host of [".".repeat(64_000), "a.".repeat(32_000), `${".".repeat(64_000)}a`]) {
    for (const spelled of [host, `user@${host}`, `${host}:1935`]) {
      const key = () => rtmp(`rtmp://${spelled}/live`, "show");
      if (host.endsWith("...")) assert.equal(key(), "__defaultVhost__/live/show");
      else assert.throws(key, /Cannot use a name over 256 bytes/);
    }
  }
});

Deno.test("a stream has at most 240 bytes as SRS joins it, its query any number", () => {
  const tcUrl = "rtmp://127.0.0.1/live";
  const http = (path: string) => streamKeyFromHttp({ host: "127.0.0.1", path, query: "" });
  assert.ok(rtmp(tcUrl, "a".repeat(234) + "?token=" + "b".repeat(60_000)));
  assert.ok(rtmp("rtmp://tv.example.com/live", "a".repeat(220)));
  assert.ok(http(`/live/${"%C3%A9".repeat(117)}.flv`), "HTTP names arrive decoded");
  const tooLong: (() => unknown)[] = [
    () => rtmp(tcUrl, "a".repeat(235)),
    () => rtmp("rtmp://tv.example.com/live", "a".repeat(221)),
    () => rtmp(tcUrl, "\u00e9".repeat(118)),
    () => rtmp(tcUrl, "%C3%A9".repeat(40)),
    () => rtmp(tcUrl, "a".repeat(65_535)),
    () => rtmp(`${tcUrl}/${"b".repeat(240)}`, "show"),
    () => rtmp(`${tcUrl}${"/x".repeat(120)}`, "show"),
    () => rtmp(`rtmp://${"c".repeat(253)}.com/live`, "show"),
    () => rtmp(`${tcUrl}?vhost=${"d".repeat(236)}.com`, "show"),
    () => http(`/live/${"a".repeat(235)}.flv`),
    () => http(`/live/${"%C3%A9".repeat(118)}.flv`),
  ];
  for (const one of tooLong) {
    assert.throws(one, /^ProxyError: Cannot use (a name|vhost, app and stream) over/, `${one}`);
  }
});
