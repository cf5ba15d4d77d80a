// Random bytes, and randomly mutated session descriptions, JSON around them and session URLs: they
// may cause only ProtocolErrors, no line may be lost, and no candidate of the origin may get
// through.

import assert from "node:assert/strict";
import { textOfBytes } from "../../src/core/binary_text.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { streamKeyFromRtmp } from "../../src/core/stream_key.ts";
import { mediaAddresses, rewriteAnswer } from "../../src/protocol/rtc/answer.ts";
import { agreeOnIce, credentialsOf } from "../../src/protocol/rtc/ice.ts";
import { parseJsonObject, replaceMember } from "../../src/protocol/rtc/json_text.ts";
import { encodeSdp, parseSdp, parseSdpFragment, type Sdp } from "../../src/protocol/rtc/sdp.ts";
import {
  ANSWERS,
  CHROMIUM_OFFER,
  DESCRIPTIONS,
  FRAGMENTS,
  NO_DESCRIPTIONS,
} from "../support/cases/rtc_sdp_cases.ts";
import { decodeSessionTag, encodeSessionTag } from "../../src/protocol/rtc/session_tag.ts";
import { corpusOf } from "../support/corpus.ts";
import { fuzzTest } from "../support/fuzzing.ts";
import { mutateText, pick, randomText } from "../support/random_text.ts";

const ROUNDS = 3_000;
const TELLING = [
  ..."=: \t\r\n\0\x7f\xff/09",
  ...["\r\n", "\nv=0", "\r\nm=audio 0 x 0\r\n", "\r\na=candidate:1 1 udp 1 10.0.0.9 9000 typ host"],
  ...["a=mid:0\r\n", "a=group:BUNDLE x\r\n", "a=ice-ufrag:", "c=IN IP6 ::1\r\n", " tcp ", "65536"],
];
const SAMPLES = [
  ...Object.values(ANSWERS).map(({ answer }) => answer),
  ...DESCRIPTIONS,
  ...Object.values(NO_DESCRIPTIONS).filter((text) => text.length < 1000),
];
const TARGET = { host: "203.0.113.7" };

function unlessBroken<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * Checks that every TCP candidate is ours, and that the UDP candidates are the same as without TCP.
 */
function checkOverTcp(sdp: Sdp, about: string): void {
  const overUdp = { port: 18000, targets: [TARGET] };
  const tcp = { port: 443, targets: [] };
  const both = encodeSdp(rewriteAnswer(sdp, { ...overUdp, tcp })).split("\n");
  const isTcp = (line: string) => /^a=candidate:\S+ \d+ tcp /i.test(line);
  for (const line of both.filter(isTcp)) {
    assert.match(line, /^a=candidate:tcp\d+ 1 tcp \d+ \S+ 443 typ host tcptype passive\r?$/, about);
  }
  const without = encodeSdp(rewriteAnswer(sdp, overUdp)).split("\n");
  assert.deepEqual(both.filter((line) => !isTcp(line)), without, about);
}

/** Checks what must hold for every description that can be read. */
function checkRewriting(sdp: Sdp, about: string): void {
  const told = rewriteAnswer(sdp, { port: 18000, targets: [TARGET] });
  const text = encodeSdp(told);
  assert.equal(
    encodeSdp(rewriteAnswer(told, { port: 18000, targets: [TARGET] })),
    text,
    about,
  );
  for (const line of text.split(/\r?\n/).filter((one) => one.startsWith("a=candidate:"))) {
    assert.match(line, /^a=candidate:\S+ [12] udp \d+ 203\.0\.113\.7 18000 typ /i, about);
  }
  for (const { port } of mediaAddresses(told)) assert.equal(port, 18000, about);
  checkOverTcp(sdp, about);
  unlessBroken(() => agreeOnIce(parseSdp(CHROMIUM_OFFER), sdp));
  credentialsOf(sdp);
}

for (
  const [name, parse, samples] of [
    ["a description", parseSdp, SAMPLES],
    ["a fragment", parseSdpFragment, FRAGMENTS.map(([fragment]) => fragment)],
  ] as const
) {
  fuzzTest(`a randomly mutated ${name} is refused or read without loss`, (random) => {
    let read = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const text = mutateText(random, TELLING, pick(random, samples));
      const about = `round ${round}: ${JSON.stringify(text)}`;
      const sdp = unlessBroken(() => parse(text));
      if (sdp === undefined) continue;
      read++;
      assert.equal(encodeSdp(sdp), text, about);
      checkRewriting(sdp, about);
    }
    assert.ok(read > ROUNDS / 20, `only ${read} were read`);
  });
}

for (const { name, bytes } of corpusOf("sdp")) {
  Deno.test(`SDP's ${name} is refused or read without loss`, () => {
    const text = textOfBytes(bytes);
    for (const parse of [parseSdp, parseSdpFragment]) {
      const sdp = unlessBroken(() => parse(text));
      if (sdp === undefined) continue;
      assert.equal(encodeSdp(sdp), text);
      checkRewriting(sdp, name);
    }
  });
}

fuzzTest("random bytes are not a description", (random) => {
  for (let round = 0; round < ROUNDS; round++) {
    const text = randomText(random, random(200));
    assert.equal(unlessBroken(() => parseSdp(text)), undefined);
    unlessBroken(() => parseSdpFragment(text));
  }
});

fuzzTest(
  "only the replaced member of randomly mutated JSON changes",
  (random) => {
    const samples = [
      '{"code":0,"server":"vid-1","sdp":"v=0\\r\\n","sessionid":"a:b"}',
      '{"a":{"sdp":"x","b":[1,{"sdp":2.50}]},"sdp":"\\u0041\\"\\\\","sdp":"y"} ',
    ];
    const telling = ['"sdp"', '":"', ...'{}[],:"\\ \n0e', "\\u0073", "null", "true"];
    let replaced = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const text = mutateText(random, telling, pick(random, samples));
      const before = unlessBroken(() => parseJsonObject(text));
      if (before === undefined) continue;
      const about = `round ${round}: ${JSON.stringify(text)}`;
      const after = parseJsonObject(replaceMember(text, "sdp", 'n"ew'));
      const expected = typeof before["sdp"] === "string" ? { ...before, sdp: 'n"ew' } : before;
      assert.deepEqual(after, expected, about);
      replaced++;
    }
    assert.ok(replaced > ROUNDS / 20, `only ${replaced} were JSON`);
  },
);

fuzzTest("a randomly mutated session URL is not another session's", (random) => {
  const key = streamKeyFromRtmp({ tcUrl: "rtmp://demo.com/live", app: "", stream: "show" });
  const intent = "publish" as const;
  const tag = { key, origin: "vid-1", intent, user: "abcd:ef/+", proof: "01234567890" };
  const good = encodeSessionTag(tag);
  let read = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = mutateText(random, [".", "p", "s", "-_"], good);
    const said = decodeSessionTag(text);
    if (said === undefined) continue;
    const about = `round ${round}: ${text}`;
    assert.equal(encodeSessionTag({ ...said, origin: "vid-1" }), text, about);
    assert.deepEqual(said.key, key, about);
    if (text !== good) read++;
  }
  assert.ok(read > 0, "none was read");
});
