// Random bytes, and randomly mutated playlists, manifests, links and spbhid values: they may cause
// only ProtocolErrors, nothing may be lost, and rewriting again changes nothing.

import assert from "node:assert/strict";
import { ProtocolError } from "../../src/core/errors.ts";
import { streamKeyFromRtmp } from "../../src/core/stream_key.ts";
import { bytesOfText, textOfBytes } from "../../src/core/binary_text.ts";
import { rewriteManifest } from "../../src/protocol/hls/dash.ts";
import { NO_MANIFESTS, REWRITTEN_MANIFESTS } from "../support/cases/hls_dash_cases.ts";
import { rewriteLink } from "../../src/protocol/hls/link.ts";
import { REWRITTEN_LINKS, TARGET, UNTOUCHED_LINKS } from "../support/cases/hls_link_cases.ts";
import { rewritePlaylist } from "../../src/protocol/hls/playlist.ts";
import { NO_PLAYLISTS, REWRITTEN_PLAYLISTS } from "../support/cases/hls_playlist_cases.ts";
import { originTagOf } from "../../src/core/origin_tag.ts";
import { decodeSpbhid, encodeSpbhid } from "../../src/protocol/hls/spbhid.ts";
import { fuzzTest } from "../support/fuzzing.ts";
import { mutateText, pick, randomText } from "../support/random_text.ts";

const ROUNDS = 2_000;
/** Bytes with a meaning in one of the formats. */
const TELLING = [
  ..."#<>&;:/?=\"',\\@[]{}$%!- \t\r\n\0\x7f\xef\xbb\xbf\xff",
  "\n#EXT-X-MAP:URI=",
  "<!--",
];

interface Rewriting {
  readonly rewrite: (bytes: Uint8Array, target: typeof TARGET) => Uint8Array<ArrayBuffer>;
  readonly samples: readonly string[];
}

const REWRITINGS: Readonly<Record<string, Rewriting>> = {
  playlist: {
    rewrite: rewritePlaylist,
    samples: [...Object.values(REWRITTEN_PLAYLISTS).map(([text]) => text), ...NO_PLAYLISTS],
  },
  manifest: {
    rewrite: rewriteManifest,
    samples: [...Object.values(REWRITTEN_MANIFESTS).map(([text]) => text), ...NO_MANIFESTS],
  },
};

function rewriteIfGood(rewriting: Rewriting, text: string): string | undefined {
  try {
    return textOfBytes(rewriting.rewrite(bytesOfText(text), TARGET));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

for (const [name, rewriting] of Object.entries(REWRITINGS)) {
  fuzzTest(`a randomly mutated ${name} is refused or rewritten once and for all`, (random) => {
    let rewritten = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const text = mutateText(random, TELLING, pick(random, rewriting.samples));
      const once = rewriteIfGood(rewriting, text);
      if (once === undefined) continue;
      rewritten++;
      const about = `round ${round}: ${JSON.stringify(text)}`;
      assert.equal(rewriteIfGood(rewriting, once), once, about);
    }
    assert.ok(rewritten > ROUNDS / 50, `only ${rewritten} were rewritten`);
  });

  fuzzTest(`random bytes are not a ${name}`, (random) => {
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal(rewriteIfGood(rewriting, randomText(random, random(200))), undefined);
    }
  });
}

fuzzTest("rewriting a playlist changes only links", (random) => {
  // Without origin addresses only the parameter is added, so removing it restores the original.
  const target = { ...TARGET, originAddresses: [] };
  const { samples } = REWRITINGS["playlist"]!;
  let changed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = mutateText(random, TELLING, pick(random, samples)).replaceAll("spbhid", "");
    if (/[?&](?:[\r\n#" \t]|$)/.test(text)) continue;
    try {
      const rewritten = textOfBytes(rewritePlaylist(bytesOfText(text), target));
      const about = `round ${round}`;
      assert.equal(rewritten.replaceAll(/[?&]spbhid=AbC-9_/g, ""), text, about);
      if (rewritten !== text) changed++;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  assert.ok(changed > ROUNDS / 50, `only ${changed} were rewritten`);
});

fuzzTest(
  "rewriting a randomly mutated link never leads a browser to another host",
  (random) => {
    const base = `http://${TARGET.clientHost}/live/show.m3u8`;
    const links = [...REWRITTEN_LINKS.map(([link]) => link), ...UNTOUCHED_LINKS];
    let changed = 0;
    for (let round = 0; round < 5 * ROUNDS; round++) {
      const link = mutateText(random, TELLING, pick(random, links));
      const rewritten = rewriteLink(link, TARGET);
      const about = `round ${round}: ${JSON.stringify(link)}`;
      assert.equal(rewriteLink(rewritten, TARGET), rewritten, about);
      if (rewritten === link || !URL.canParse(rewritten, base)) continue;
      changed++;
      const host = new URL(rewritten, base).host;
      const before = URL.canParse(link, base) ? new URL(link, base).host : undefined;
      assert.ok(host === new URL(base).host || host === before, about);
    }
    assert.ok(changed > ROUNDS / 10, `only ${changed} were rewritten`);
  },
);

fuzzTest("random text is not a valid spbhid", (random) => {
  const alphabet = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];
  const good = encodeSpbhid({
    key: streamKeyFromRtmp({ tcUrl: "rtmp://demo.com/live", app: "", stream: "show" }),
    origin: "vid-1",
  });
  for (let round = 0; round < ROUNDS; round++) {
    const texts = [
      randomText(random, random(100)),
      Array.from({ length: random(1_100) }, () => pick(random, alphabet)).join(""),
      mutateText(random, TELLING, good),
    ];
    for (const text of texts) {
      if (text !== good) assert.equal(decodeSpbhid(text), undefined, text);
    }
  }
});

fuzzTest(
  "every key that a client can request survives a round trip through its spbhid",
  (random) => {
    let survived = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const name = () =>
        mutateText(random, TELLING, pick(random, ["live", "show", "cam.1", "demo.com", "..."]));
      const tcUrl = `rtmp://${name()}/${name()}`;
      const origin = randomText(random, random(40));
      try {
        const key = streamKeyFromRtmp({ tcUrl, app: "", stream: name() });
        // Rare spellings give names that a link must not contain; they are refused.
        const names = [key.vhost.replace(/^.*\.$/, "."), ...key.app.split("/"), key.stream];
        if (names.some((name) => name === "." || name === "..")) continue;
        const about = `round ${round}: ${JSON.stringify(key)}`;
        const expected = { key, originTag: originTagOf(origin) };
        assert.deepEqual(decodeSpbhid(encodeSpbhid({ key, origin })), expected, about);
        survived++;
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "ProxyError") throw error;
      }
    }
    assert.ok(survived > ROUNDS / 10, `only ${survived} keys were good`);
  },
);
