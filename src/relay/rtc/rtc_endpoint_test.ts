import assert from "node:assert/strict";
import { ProxyError } from "../../core/errors.ts";
import { endpointAt, intentOf, streamKeyFromQuery, streamKeyFromUrl } from "./rtc_endpoint.ts";

Deno.test("SRS's endpoints are recognized with and without their trailing slash", () => {
  const cases: [path: string, kind: string | undefined, origin?: string][] = [
    ["/rtc/v1/whip/", "whip", "/rtc/v1/whip/"],
    ["/rtc/v1/whip", "whip", "/rtc/v1/whip/"],
    ["/rtc/v1/whep/", "whep", "/rtc/v1/whep/"],
    ["/rtc/v1/whip-play/", "whep", "/rtc/v1/whip-play/"],
    ["/rtc/v1/publish/", "publish", "/rtc/v1/publish/"],
    ["/rtc/v1/play", "play", "/rtc/v1/play/"],
    ["/rtc/v1/", undefined],
    ["/rtc/v1/nack/", undefined],
    ["/rtc/v1/constructor/", undefined],
    ["/rtc/v1/whip/x", undefined],
    ["/rtc/v1/whip//", undefined],
    ["/RTC/v1/whip/", undefined],
  ];
  for (const [path, kind, origin] of cases) {
    assert.deepEqual(endpointAt(path), kind && { kind, path: origin }, path);
  }
});

Deno.test("WHIP publishes unless its query names another action", () => {
  assert.equal(intentOf("whip", "app=live"), "publish");
  assert.equal(intentOf("whip", "action=publish"), "publish");
  assert.equal(intentOf("whip", "action=play"), "play");
  assert.equal(intentOf("whep", "action=publish"), "play");
  assert.equal(intentOf("publish", ""), "publish");
  assert.equal(intentOf("play", ""), "play");
});

Deno.test("a stream has the same key in every WebRTC notation", () => {
  const queries: [host: string, query: string, key: string][] = [
    ["127.0.0.1:11985", "app=live&stream=show", "__defaultVhost__/live/show"],
    ["tv.example:11985", "app=live&stream=show&token=x", "tv.example/live/show"],
    ["127.0.0.1", "app=live&stream=show&vhost=tv.example", "tv.example/live/show"],
    ["127.0.0.1", "", "__defaultVhost__/live/livestream"],
    ["127.0.0.1", "app=&stream=", "__defaultVhost__/live/livestream"],
    ["127.0.0.1", "stream=a%20b&app=x/y", "__defaultVhost__/x/y/ab"],
    ["127.0.0.1", "stream=one&stream=two", "__defaultVhost__/live/two"],
  ];
  for (const [host, query, key] of queries) {
    assert.equal(streamKeyFromQuery(host, query).key, key, query);
  }
  const urls: [url: string, key: string][] = [
    ["webrtc://127.0.0.1/live/show", "__defaultVhost__/live/show"],
    ["webrtc://127.0.0.1:1985/live/show?token=x", "__defaultVhost__/live/show"],
    ["webrtc://tv.example/live/show", "tv.example/live/show"],
    ["webrtc://127.0.0.1/live/show?vhost=tv.example", "tv.example/live/show"],
    ["webrtc://[::1]:1985/a/b/show", "__defaultVhost__/a/b/show"],
    ["http://tv.example/show", "tv.example/__defaultApp__/show"],
  ];
  for (const [url, key] of urls) assert.equal(streamKeyFromUrl(url).key, key, url);
});

Deno.test("invalid names are reported", () => {
  const queries = ["stream=%00", "stream=..&app=live", "stream=a%2fb", `stream=${"x".repeat(300)}`];
  for (const query of queries) {
    assert.throws(() => streamKeyFromQuery("127.0.0.1", query), ProxyError, query);
  }
  const urls = ["", "live/show", "webrtc://", "webrtc://tv.example/", "webrtc://tv.example/a/%0d"];
  for (const url of urls) assert.throws(() => streamKeyFromUrl(url), ProxyError, url);
});

Deno.test("a lone surrogate, which JSON can express, is not a valid name", () => {
  const { streamurl } = JSON.parse(String.raw`{"streamurl":"webrtc://127.0.0.1/live/\ud800"}`);
  assert.throws(() => streamKeyFromUrl(streamurl), {
    code: "bad_request",
    message: /half a character/,
  });
});
