import assert from "node:assert/strict";
import { ProxyError } from "./errors.ts";
import { matchPath, namesOf, parsePathTemplate } from "./path_template.ts";

function match(template: string, path: string) {
  return matchPath(parsePathTemplate(template), namesOf(path) ?? []);
}

Deno.test("names are taken from a path unchanged", () => {
  assert.deepEqual(match("[app]/[stream]-[seq].ts", "/live/a%20b-1-22.ts"), {
    ...{ vhost: "", app: "live", stream: "a%20b-1" },
  });
  assert.deepEqual(match("/[vhost]/[app]/[stream]/index.m3u8", "/tv/live/sub//show/index.m3u8"), {
    ...{ vhost: "tv", app: "live/sub", stream: "show" },
  });
  assert.deepEqual(match("hls/[stream].m3u8", "/hls/show.m3u8"), {
    ...{ vhost: "", app: "", stream: "show" },
  });
});

Deno.test("a path that does not match a template is recognized", () => {
  for (
    const [template, path] of [
      ["[app]/[stream]-[seq].ts", "/live/show.ts"],
      ["[app]/[stream]-[seq].ts", "/show-7.ts"],
      ["[app]/[stream]-[seq].ts", "/live/show-7.tsx"],
      ["[app]/[stream]-[seq].ts", "/live/show-7xts"],
      ["[app]/[stream]-[seq].ts", "/live/-7.ts"],
      ["[app]/[2006]/[stream].ts", "/live/26/show.ts"],
      ["hls/[stream].m3u8", "/x/hls/show.m3u8"],
      ["[app]/[stream]/index.m3u8", "/live/index.m3u8"],
    ] as const
  ) assert.equal(match(template, path), undefined, `${template} ${path}`);
});

Deno.test("a template that SRS would not understand is refused", () => {
  for (
    const text of [
      ...["", "/", "[app]/[stream]", "[app]/[name].ts", "[app]/[stream.ts", "[app]/[stream]?.ts"],
      ...["[app]/../[stream].ts", "[app]/[app]/[stream].ts", "[app]//[stream].ts", "[app]/x y.ts"],
      ...["[app]-[stream].ts", `[app]/${"x".repeat(300)}.ts`, "[app]/([stream])+.ts"],
    ]
  ) {
    assert.throws(
      () => parsePathTemplate(text),
      (error) => error instanceof ProxyError && error.code === "bad_request",
      text,
    );
  }
});

Deno.test("a path with too many or too long names has none", () => {
  assert.equal(namesOf("/a".repeat(33)), undefined);
  assert.equal(namesOf(`/${"a".repeat(1025)}`), undefined);
  assert.deepEqual(namesOf("//a///b/"), ["a", "b"]);
});
