import assert from "node:assert/strict";
import { parseStreamId } from "../../core/srt_stream_id.ts";
import {
  pageAddress,
  parsePageAddress,
  parseStreamName,
  type ProxyPlace,
  rtcUrl,
  streamAddresses,
} from "./stream_name.ts";

const PLACE: ProxyPlace = {
  http: "http://demo.com:18080/",
  host: "demo.com",
  rtmpPort: 11935,
  srtPort: 20080,
  api: "http://demo.com:11985",
};

Deno.test("a stream's name is parsed in every form that people write", () => {
  const show = { path: "live/show", query: "" };
  const cases: readonly (readonly [string, ReturnType<typeof parseStreamName>])[] = [
    ["live/show", show],
    [" /live//show/ ", show],
    ["live/show.flv", show],
    ["live/show.M3U8", show],
    ["http://other.com:8080/live/show.flv", show],
    ["rtmp://other.com/live/show", show],
    ["live/show#x", show],
    ["live/show.flv?token=a/b&x=%20", { path: "live/show", query: "token=a/b&x=%20" }],
    ["live/room/my show", { path: "live/room/my%20show", query: "" }],
    ["live/my%20show", { path: "live/my%20show", query: "" }],
    ["live/100%", { path: "live/100%25", query: "" }],
    ["live/cam.1", { path: "live/cam.1", query: "" }],
    ["show", undefined],
    ["", undefined],
    ["/live/?x=y/z", undefined],
  ];
  for (const [text, name] of cases) assert.deepEqual(parseStreamName(text), name, text);
});

Deno.test("the addresses of a stream carry its query", () => {
  const name = parseStreamName("live/my show?token=a")!;
  const urls = streamAddresses(name, PLACE).map(({ url }) => url);
  assert.deepEqual(urls, [
    "rtmp://demo.com:11935/live/my show?token=a",
    "srt://demo.com:20080?streamid=#!::r=live/my show,m=request,token=a",
    "http://demo.com:18080/live/my%20show.flv?token=a",
    "http://demo.com:18080/live/my%20show.ts?token=a",
    "http://demo.com:18080/live/my%20show.m3u8?token=a",
    "http://demo.com:11985/rtc/v1/whep/?app=live&stream=my%20show&token=a",
    "http://demo.com:11985/rtc/v1/whip/?app=live&stream=my%20show&token=a",
  ]);
});

Deno.test("RTMP's own port is left out, the page's folder is kept", () => {
  const place = {
    ...PLACE,
    http: "https://demo.com/video/",
    host: "[2001:db8::1]",
    rtmpPort: 1935,
  };
  const urls = streamAddresses(parseStreamName("live/show")!, place).map(({ url }) => url);
  assert.equal(urls[0], "rtmp://[2001:db8::1]/live/show");
  assert.equal(urls[2], "https://demo.com/video/live/show.flv");
});

Deno.test("an SRT address says what it is for, and its StreamID is parsed as intended", () => {
  const name = parseStreamName("live/show?token=a&x=b")!;
  for (const [intent, mode] of [["play", "request"], ["publish", "publish"]] as const) {
    const { url } = streamAddresses(name, PLACE, intent).find(({ label }) => label === "SRT")!;
    assert.equal(url, `srt://demo.com:20080?streamid=#!::r=live/show,m=${mode},token=a,x=b`);
    const wish = parseStreamId(url.slice(url.indexOf("#")));
    assert.equal(wish.intent, intent);
    assert.equal(wish.key.key, "__defaultVhost__/live/show");
  }
});

Deno.test("WebRTC has the stream in its query", () => {
  assert.equal(
    rtcUrl(parseStreamName("live/room/show?token=a")!, "whip", PLACE),
    "http://demo.com:11985/rtc/v1/whip/?app=live/room&stream=show&token=a",
  );
});

Deno.test("the page's address says what to play", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["", "", "flv"],
    ["#live/show", "live/show", "flv"],
    ["?format=hls#live/show?token=a", "live/show?token=a", "hls"],
    ["#live/my%20show", "live/my show", "flv"],
    ["?stream=live/show&format=ts", "live/show", "ts"],
    ["?stream=live/show.m3u8", "live/show.m3u8", "hls"],
    ["?app=live&stream=show.flv&autostart=true", "live/show.flv", "flv"],
    ["?app=live", "", "flv"],
    ["?format=avi#live/show", "live/show", "flv"],
    ["?format=webrtc#live/show", "live/show", "webrtc"],
    ["#live/100%", "live/100%", "flv"],
  ];
  for (const [suffix, stream, format] of cases) {
    assert.deepEqual(parsePageAddress(PLACE.http + suffix), { stream, format }, suffix);
  }
});

Deno.test("the page's address is parsed as it was written", () => {
  const before = `${PLACE.http}?app=x&stream=y&other=1#z`;
  for (
    const stream of ["live/show", "live/my show?token=a&b=%2F", "live/caf\u00e9#1", "live/100%"]
  ) {
    const address = pageAddress(before, { stream, format: "hls" });
    assert.deepEqual(parsePageAddress(address), { stream, format: "hls" });
    assert.match(address, /other=1/);
  }
});
