import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { mediaAddresses, rewriteAnswer } from "./answer.ts";
import { agreeOnIce, credentialsOf } from "./ice.ts";
import { encodeSdp, parseSdp, parseSdpFragment } from "./sdp.ts";
import {
  ANSWERS,
  CHROMIUM_OFFER,
  DESCRIPTIONS,
  FRAGMENTS,
  NO_DESCRIPTIONS,
  SRS_ANSWER,
} from "../../../tests/support/cases/rtc_sdp_cases.ts";

Deno.test("a description is encoded again without loss", () => {
  for (const text of [...DESCRIPTIONS, ...Object.values(ANSWERS).map(({ answer }) => answer)]) {
    assert.equal(encodeSdp(parseSdp(text)), text);
  }
});

Deno.test("anything but a description is refused", () => {
  for (const [why, text] of Object.entries(NO_DESCRIPTIONS)) {
    assert.throws(() => parseSdp(text), ProtocolError, why);
  }
});

for (const [name, { answer, advertised, rewritten }] of Object.entries(ANSWERS)) {
  Deno.test(`the answer for the client: ${name}`, () => {
    assert.equal(encodeSdp(rewriteAnswer(parseSdp(answer), advertised)), rewritten);
    const again = rewriteAnswer(parseSdp(rewritten), advertised);
    assert.equal(encodeSdp(again), rewritten, "a second proxy changes nothing");
  });
}

Deno.test("fragments of a PATCH are rewritten like answers", () => {
  for (const [fragment, rewritten] of FRAGMENTS) {
    const sdp = rewriteAnswer(parseSdpFragment(fragment), { port: 18000, targets: [] });
    assert.equal(encodeSdp(sdp), rewritten);
  }
});

Deno.test("a session's user name and password come from both sides", () => {
  assert.deepEqual(agreeOnIce(parseSdp(CHROMIUM_OFFER), parseSdp(SRS_ANSWER)), {
    user: "yrg28861:iBXi",
    password: "v9e94624n60285n163d67x50t1a65536",
  });
});

/** Builds a description with these session lines and, by mid, these sections. */
function description(session: readonly string[], sections: Record<string, readonly string[]>) {
  const media = Object.entries(sections).flatMap(([mid, [first, ...rest]]) => {
    return [`m=${first ?? "audio 9"} UDP/TLS/RTP/SAVPF 0`, `a=mid:${mid}`, ...rest];
  });
  return parseSdp(["v=0", ...session, ...media, ""].join("\r\n"));
}

function ice(name: string): string[] {
  return [`a=ice-ufrag:${name}`, `a=ice-pwd:${name.repeat(6)}`];
}

Deno.test("credentials apply to the section or session that they are in", () => {
  const cases = {
    "for the whole session": [
      description(ice("anne"), { a: ["audio 9"] }),
      description(ice("bert"), { a: ["audio 9"] }),
      "bert:anne",
    ],
    "of the section, before those of the session": [
      description(ice("anne"), { a: ["audio 9", ...ice("carl")] }),
      description(ice("bert"), { a: ["audio 9", ...ice("dora")] }),
      "dora:carl",
    ],
    "of the first section of the bundle": [
      description([], { a: ["audio 9", ...ice("anne")], b: ["video 9", ...ice("carl")] }),
      description(["a=group:BUNDLE b"], {
        a: ["audio 9", ...ice("bert")],
        b: ["video 9", ...ice("dora")],
      }),
      "dora:carl",
    ],
    "of the first section that is not refused": [
      description([], { a: ["audio 9", ...ice("anne")], b: ["video 9", ...ice("carl")] }),
      description([], { a: ["audio 0", ...ice("bert")], b: ["video 9", ...ice("dora")] }),
      "dora:carl",
    ],
    "of whichever section of the offer has them": [
      description([], { a: ["audio 9"], b: ["video 9", ...ice("carl")] }),
      description(["a=group:BUNDLE a b"], { a: ["audio 9", ...ice("bert")] }),
      "bert:carl",
    ],
  } as const;
  for (const [where, [offer, answer, user]] of Object.entries(cases)) {
    assert.equal(agreeOnIce(offer, answer).user, user, where);
  }
});

Deno.test("a side without usable credentials is reported", () => {
  const good = description(ice("anne"), { a: ["audio 9"] });
  const bad = [
    description([], { a: ["audio 9"] }),
    description(["a=ice-ufrag:anne"], { a: ["audio 9"] }),
    description(["a=ice-ufrag:a:b:c", `a=ice-pwd:${"x".repeat(22)}`], { a: ["audio 9"] }),
    description(["a=ice-ufrag:anne", "a=ice-pwd:short"], { a: ["audio 9"] }),
    description([`a=ice-ufrag:${"u".repeat(257)}`, `a=ice-pwd:${"x".repeat(22)}`], {
      a: ["audio 9"],
    }),
  ];
  for (const one of bad) {
    assert.throws(() => agreeOnIce(one, good), /in the offer/);
    assert.throws(() => agreeOnIce(good, one), /in the answer/);
  }
  assert.throws(() => agreeOnIce(good, parseSdp("v=0\r\n")), ProtocolError);
  assert.throws(() => agreeOnIce(good, description(ice("bert"), { a: ["audio 0"] })), /accepted/);
});

Deno.test("credentials of a fragment are found if present", () => {
  const fragment = parseSdpFragment(FRAGMENTS[0]![0]);
  assert.deepEqual(credentialsOf(fragment), {
    ufrag: "EsAw",
    password: "P2uYro0UCOQ4zxjKXaWCBui1",
  });
  assert.equal(credentialsOf(parseSdpFragment("a=end-of-candidates\r\n")), undefined);
});

Deno.test("the media addresses of an origin are found in its answer", () => {
  const of = (name: string) => mediaAddresses(parseSdp(ANSWERS[name]!.answer));
  assert.deepEqual(mediaAddresses(parseSdp(SRS_ANSWER)), [{ host: "10.0.0.5", port: 8000 }]);
  assert.deepEqual(of("candidates over TCP and broken ones are taken out"), [
    { host: "10.0.0.5", port: 8000 },
  ]);
  assert.deepEqual(of("an origin over IPv6 with a server-reflexive candidate"), [
    { host: "2001:db8::5", port: 8000 },
    { host: "198.51.100.5", port: 9000 },
  ]);
  assert.deepEqual(of("a default destination alone"), [{ host: "10.0.0.5", port: 8000 }]);
  assert.deepEqual(of("a default destination for the whole session, and a refused section"), [
    { host: "10.0.0.5", port: 8000 },
  ]);
  assert.deepEqual(mediaAddresses(parseSdp(CHROMIUM_OFFER.replace(/a=candidate.*\r\n/, ""))), []);
});
