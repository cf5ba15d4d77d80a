import assert from "node:assert/strict";
import { streamKeyFromHttp } from "../../core/stream_key.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { decodeSessionTag, encodeSessionTag } from "./session_tag.ts";

const KEY = streamKeyFromHttp({ host: "tv.example", path: "/live/größe", query: "" });
const SESSION = {
  key: KEY,
  origin: "vid-1",
  intent: "publish",
  user: "yrg28861:iB/+",
  proof: "0123456-_ab",
} as const;

Deno.test("a value decodes to what it was made of, and needs no escaping", () => {
  for (const intent of ["publish", "play"] as const) {
    const { origin, ...rest } = { ...SESSION, intent };
    const text = encodeSessionTag({ origin, ...rest });
    assert.match(text, /^[\w.-]+$/);
    assert.deepEqual(decodeSessionTag(text), { ...rest, originTag: originTagOf(origin) });
  }
});

Deno.test("invalid values are recognized, and a session has exactly one value", () => {
  const text = encodeSessionTag(SESSION);
  const [stream, rest = ""] = text.split(".");
  const others = [
    "",
    ".",
    stream!,
    `${stream}.`,
    `${stream}.p`,
    `${stream}.x${rest.slice(1)}`,
    `${stream}.${rest}=`,
    `${stream}.${rest.slice(0, 12)}${btoa("no colon").replace("=", "")}`,
    `${stream}.${rest.slice(0, 12)}${btoa("a:b c").replace("=", "")}`,
    `${stream?.slice(1)}.${rest}`,
    `${text}\n`,
    text.repeat(2),
  ];
  for (const other of others) assert.equal(decodeSessionTag(other), undefined, other);
});
