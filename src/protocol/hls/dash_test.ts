import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { MANIFEST_BOUNDS, rewriteManifest } from "./dash.ts";
import { NO_MANIFESTS, REWRITTEN_MANIFESTS } from "../../../tests/support/cases/hls_dash_cases.ts";
import {
  REWRITTEN_LINKS,
  TARGET,
  withParameter,
} from "../../../tests/support/cases/hls_link_cases.ts";

function rewrite(text: string, target = TARGET): string {
  return textOfBytes(rewriteManifest(bytesOfText(text), target));
}

Deno.test("only links to the origin are rewritten in manifests", () => {
  for (const [name, [manifest, rewritten]] of Object.entries(REWRITTEN_MANIFESTS)) {
    assert.equal(rewrite(manifest), withParameter(rewritten), name);
  }
});

Deno.test("rewriting a manifest again changes nothing", () => {
  for (const [manifest] of Object.values(REWRITTEN_MANIFESTS)) {
    const once = rewrite(manifest);
    assert.equal(rewrite(once), once);
  }
});

Deno.test("a link is rewritten the same way in an attribute and in an element", () => {
  const escape = (text: string) => text.replaceAll("&", "&amp;");
  for (const [link, rewritten] of REWRITTEN_LINKS) {
    const expected = escape(withParameter(rewritten));
    const attribute = (media: string) => `<MPD><SegmentURL media="${media}"/></MPD>`;
    assert.equal(rewrite(attribute(escape(link))), attribute(expected));
    const element = (location: string) => `<MPD><Location>${location}</Location></MPD>`;
    assert.equal(rewrite(element(escape(link))), element(expected));
  }
});

Deno.test("anything but a manifest is refused", () => {
  for (const text of NO_MANIFESTS) assert.throws(() => rewrite(text), ProtocolError, text);
});

Deno.test("manifests over the limits are refused", () => {
  const nested = (depth: number) => `<MPD>${"<a>".repeat(depth)}${"</a>".repeat(depth)}</MPD>`;
  assert.equal(rewrite(nested(63)), nested(63));
  assert.throws(() => rewrite(nested(64)), ProtocolError);
  const attributes = (count: number) => `<MPD${' a="b"'.repeat(count)}/>`;
  assert.equal(rewrite(attributes(256)), attributes(256));
  assert.throws(() => rewrite(attributes(257)), ProtocolError);
  const padded = (length: number) => "<MPD></MPD>".padEnd(length);
  assert.ok(rewrite(padded(MANIFEST_BOUNDS.length)) === padded(MANIFEST_BOUNDS.length));
  assert.throws(() => rewrite(padded(MANIFEST_BOUNDS.length + 1)), ProtocolError);
});

Deno.test("a manifest that would grow too much is refused", () => {
  const target = { ...TARGET, spbhid: "x".repeat(1043) };
  const manifest = `<MPD>${'<SegmentURL media="a"/>'.repeat(100_000)}</MPD>`;
  assert.throws(() => rewrite(manifest, target), ProtocolError);
});

Deno.test("hostile manifests take no longer than harmless ones", () => {
  const startedAt = performance.now();
  const blanks = " ".repeat(1 << 20);
  const shapes = [`<MPD${blanks}x`, `<MPD a${blanks}x`, `<MPD a=${blanks}x`, `<MPD>${blanks}</`];
  for (const shape of shapes) assert.throws(() => rewrite(shape), ProtocolError);
  const slashes = `<MPD><BaseURL>${"/ ".repeat(1 << 20)}x</BaseURL></MPD>`;
  assert.ok(rewrite(slashes).includes("x?spbhid="));
  assert.ok(performance.now() - startedAt < 10_000);
});
