// Links before and after rewriting, for the tests of links, playlists and manifests.

import type { LinkTarget } from "../../../src/protocol/hls/link.ts";

/** The target of all cases: a proxy known as demo.com, and an origin with two addresses. */
export const TARGET: LinkTarget = {
  spbhid: "AbC-9_",
  clientHost: "Demo.com:18080",
  originAddresses: [{ host: "10.0.0.5", port: 8080 }, { host: "2001:db8::5", port: 80 }],
};

/** Each link and its rewritten form; `@@` stands for `spbhid=AbC-9_`. */
export const REWRITTEN_LINKS: readonly (readonly [link: string, rewritten: string])[] = [
  ["show-7.ts", "show-7.ts?@@"],
  ["show/7.m4s", "show/7.m4s?@@"],
  ["../show-7.ts", "../show-7.ts?@@"],
  ["/live/show-7.ts", "/live/show-7.ts?@@"],
  ["show.m3u8?hls_ctx=1a2b", "show.m3u8?hls_ctx=1a2b&@@"],
  ["show.m3u8?hls_ctx=1a2b&token=a%2Fb", "show.m3u8?hls_ctx=1a2b&token=a%2Fb&@@"],
  ["show.ts?", "show.ts?@@"],
  ["show.ts??", "show.ts??&@@"],
  ["?hls_ctx=1a2b", "?hls_ctx=1a2b&@@"],
  ["show.ts#t=3", "show.ts?@@#t=3"],
  ["show.ts?a=b#t=3?x", "show.ts?a=b&@@#t=3?x"],
  ["show.ts?spbhid=old", "show.ts?@@"],
  ["show.ts?spbhid=old&a=b&spbhid=older", "show.ts?a=b&@@"],
  ["show.ts?xspbhid=1&spbhid", "show.ts?xspbhid=1&spbhid&@@"],
  ["my show.ts", "my show.ts?@@"],
  ["  show.ts \t", "  show.ts?@@ \t"],
  ["1:2.ts", "1:2.ts?@@"],
  ["%zz.ts", "%zz.ts?@@"],
  ["$RepresentationID$-$Number%05d$.m4s", "$RepresentationID$-$Number%05d$.m4s?@@"],
  ["voil\xc3\xa0", "voil\xc3\xa0?@@"],
  ["http://10.0.0.5:8080/live/show-7.ts?a=b", "/live/show-7.ts?a=b&@@"],
  ["HTTP://10.0.0.5:8080/live/show-7.ts", "/live/show-7.ts?@@"],
  ["http://10.0.0.5:8080", "/?@@"],
  ["http://10.0.0.5:8080?a=b", "/?a=b&@@"],
  ["//10.0.0.5:8080/live/show-7.ts", "/live/show-7.ts?@@"],
  ["http://[2001:DB8::0:5]/live/show-7.ts", "/live/show-7.ts?@@"],
  ["http://[2001:db8::5]:80/live/show-7.ts", "/live/show-7.ts?@@"],
  ["http://10.0.0.5:8080//evil.com/x", "/.//evil.com/x?@@"],
  ["http://10.0.0.5:8080/\\evil.com/x", "/./\\evil.com/x?@@"],
  ["http://demo.com:18080/live/show-7.ts", "http://demo.com:18080/live/show-7.ts?@@"],
  ["https://DEMO.com:18080/live/show-7.ts", "https://DEMO.com:18080/live/show-7.ts?@@"],
  ["//demo.com:18080/live/show-7.ts", "//demo.com:18080/live/show-7.ts?@@"],
];

/** Links that are left unchanged. */
export const UNTOUCHED_LINKS: readonly string[] = [
  "",
  "#t=3",
  "?",
  "http://cdn.example/show-7.ts",
  "https://cdn.example/show-7.ts?spbhid=theirs",
  "//cdn.example/show-7.ts",
  "http://10.0.0.5/live/show-7.ts",
  "http://10.0.0.5:8081/live/show-7.ts",
  "https://10.0.0.6:8080/live/show-7.ts",
  "https://[2001:db8::5]/live/show-7.ts",
  "http://demo.com/live/show-7.ts",
  "http://user@demo.com:18080/live/show-7.ts",
  "http://10.0.0.5:8080@evil.com/x",
  "http://demo.com:18080.evil.com/x",
  "http:///live/show-7.ts",
  "http:show-7.ts",
  "skd://key-7",
  "data:text/plain;base64,AAAA",
  "urn:mpeg:dash:resolve-to-zero:2013",
  "ftp://10.0.0.5:8080/x",
  "show\t7.ts",
  "\x02http://10.0.0.5:8080/x",
  "ht\x7ftp://10.0.0.5:8080/x",
];

/** Replaces the `@@` in a case. */
export function withParameter(expected: string): string {
  return expected.replaceAll("@@", `spbhid=${TARGET.spbhid}`);
}
