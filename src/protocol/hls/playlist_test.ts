import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import {
  REWRITTEN_LINKS,
  TARGET,
  UNTOUCHED_LINKS,
  withParameter,
} from "../../../tests/support/cases/hls_link_cases.ts";
import { PLAYLIST_BOUNDS, rewritePlaylist } from "./playlist.ts";
import {
  NO_PLAYLISTS,
  REWRITTEN_PLAYLISTS,
} from "../../../tests/support/cases/hls_playlist_cases.ts";

function rewrite(text: string): string {
  return textOfBytes(rewritePlaylist(bytesOfText(text), TARGET));
}

Deno.test("only links to the origin are rewritten in playlists", () => {
  for (const [name, [playlist, rewritten]] of Object.entries(REWRITTEN_PLAYLISTS)) {
    assert.equal(rewrite(playlist), withParameter(rewritten), name);
  }
});

Deno.test("rewriting a playlist again changes nothing", () => {
  for (const [playlist] of Object.values(REWRITTEN_PLAYLISTS)) {
    const once = rewrite(playlist);
    assert.equal(rewrite(once), once);
  }
});

Deno.test("a link is rewritten the same way as a line and as an attribute", () => {
  for (const [link, rewritten] of REWRITTEN_LINKS) {
    const expected = withParameter(rewritten);
    assert.equal(rewrite(`#EXTM3U\n${link}\n`), `#EXTM3U\n${expected}\n`);
    const tag = (uri: string) => `#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="${uri}",NAME="x"`;
    assert.equal(rewrite(tag(link)), tag(expected));
  }
  for (const link of UNTOUCHED_LINKS) {
    assert.equal(rewrite(`#EXTM3U\n${link}`), `#EXTM3U\n${link}`);
  }
});

Deno.test("anything but a playlist is refused", () => {
  for (const text of NO_PLAYLISTS) {
    assert.throws(() => rewrite(text), ProtocolError, JSON.stringify(text));
  }
});

Deno.test("playlists over the limits are refused, those at the limits are not", () => {
  const { length, lines, lineLength } = PLAYLIST_BOUNDS;
  const head = "#EXTM3U\n";
  const comment = (size: number) => `#${"x".repeat(size - 1)}`;
  const fill = (size: number) => `${comment(999)}\n`.repeat(Math.ceil(size / 1000)).slice(0, size);
  const good = [
    head + comment(lineLength),
    head + fill(length - head.length),
    head + "#\n".repeat(lines - 2),
  ];
  for (const text of good) assert.ok(rewrite(text) === text, `${text.length} bytes`);
  const bad = [
    head + comment(lineLength + 1),
    head + fill(length - head.length + 1),
    head + "#\n".repeat(lines - 1),
  ];
  for (const text of bad) assert.throws(() => rewrite(text), ProtocolError);
});

Deno.test("a playlist that would grow too much is refused", () => {
  const target = { ...TARGET, spbhid: "x".repeat(1043) };
  const playlist = bytesOfText(`#EXTM3U\n${"a\n".repeat(PLAYLIST_BOUNDS.lines / 2)}`);
  assert.throws(() => rewritePlaylist(playlist, target), ProtocolError);
});

Deno.test("hostile lines take no longer than harmless ones", () => {
  const blanks = " ".repeat(PLAYLIST_BOUNDS.lineLength - 40);
  const line = `#EXT-X-MAP:X=${blanks}"x`;
  const playlist = `#EXTM3U\n${`${line}\n`.repeat(60)}`;
  const startedAt = performance.now();
  assert.ok(rewrite(playlist) === playlist);
  assert.ok(performance.now() - startedAt < 10_000);
});
