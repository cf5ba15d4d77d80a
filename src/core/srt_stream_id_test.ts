import assert from "node:assert/strict";
import { ProxyError } from "./errors.ts";
import { BadModeError, parseStreamId } from "./srt_stream_id.ts";

const D = "__defaultVhost__";

/** StreamID, expected key and intent. */
const CASES: readonly [text: string, key: string, intent: "publish" | "play"][] = [
  ["live/show", `${D}/live/show`, "play"],
  ["show", `${D}/live/show`, "play"],
  ["live/a/b/show", `${D}/live/a/b/show`, "play"],
  ["live/show?token=a.b.c", `${D}/live/show`, "play"],
  ["live/show?vhost=tv.example", "tv.example/live/show", "play"],
  ["#!::r=live/show,m=publish", `${D}/live/show`, "publish"],
  ["#!::m=publish,r=live/show", `${D}/live/show`, "publish"],
  ["#!::m=PUBLISH,r=live/show", `${D}/live/show`, "publish"],
  ["#!::r=live/show,m=request", `${D}/live/show`, "play"],
  ["#!::r=live/show", `${D}/live/show`, "play"],
  ["#!::r=show", `${D}/live/show`, "play"],
  ["#!::h=tv.example,r=live/show,m=publish", "tv.example/live/show", "publish"],
  ["#!::h=10.0.0.1,r=live/show", `${D}/live/show`, "play"],
  ["#!::h=localhost,r=live/show", `${D}/live/show`, "play"],
  ["#!::h=live/show,m=publish", `${D}/live/show`, "publish"],
  ["#!::h=tv.example/live/show,m=publish", "tv.example/live/show", "publish"],
  ["#!::h=tv.example/live/a/show", "tv.example/live/a/show", "play"],
  ["#!::h=live/show?secret=x,m=publish", `${D}/live/show`, "publish"],
  ["#!::u=me,r=live/show,s=1,t=stream,auth=a.b.c,m=publish", `${D}/live/show`, "publish"],
  ["#!::r=live/show,vhost=tv.example", "tv.example/live/show", "play"],
  ["#!::,,=x,r=live/show,q", `${D}/live/show`, "play"],
  // As in SRS, an equals sign within a value is a separator too.
  ["#!::r=live/show,m=publish,token=YWJj==", `${D}/live/show`, "publish"],
  ["#!::r=live/mine,z=q=r=live/other,m=publish", `${D}/live/other`, "publish"],
  ["#!::r=live/show,token=YWJj=,m=publish", `${D}/live/show`, "play"],
  ["#!::r=live/show;m=publish", `${D}/live/show`, "publish"],
  ["#!::r=live/show&&m=publish", `${D}/live/show`, "publish"],
  ["#!::r=live/one,r=live/two", `${D}/live/two`, "play"],
];

Deno.test("StreamIDs name the same streams as every other protocol", () => {
  for (const [text, key, intent] of CASES) {
    const wish = parseStreamId(text);
    assert.equal(wish.key.key, key, text);
    assert.equal(wish.intent, intent, text);
  }
});

Deno.test("StreamIDs that name no stream, or one that cannot be, are refused", () => {
  const wrong = [
    "",
    "/",
    "#!::",
    "#!::m=publish",
    "#!::h=tv.example",
    "live/..",
    "live/a\0b",
    "live/\u202e",
  ];
  for (const text of [...wrong, `live/${"x".repeat(300)}`]) {
    assert.throws(() => parseStreamId(text), (error) => {
      return error instanceof ProxyError && error.code === "bad_request";
    }, text);
  }
});

Deno.test("an unsupported mode has an error of its own", () => {
  for (const mode of ["bidirectional", "push", ""]) {
    assert.throws(() => parseStreamId(`#!::r=live/show,m=${mode}`), BadModeError);
  }
});
