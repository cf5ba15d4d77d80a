// Session descriptions as real programs write them, and invalid ones, for unit tests and fuzzing.
// Line ends are written out.

import type { Advertised } from "../../../src/protocol/rtc/answer.ts";

function lines(...values: readonly string[]): string {
  return values.map((value) => `${value}\r\n`).join("");
}

const OFFER_HEAD = [
  ...["v=0", "o=- 2509884653521847558 2 IN IP4 127.0.0.1", "s=-", "t=0 0"],
  ...["a=group:BUNDLE 0 1", "a=extmap-allow-mixed", "a=msid-semantic: WMS"],
];

/** Chromium's offer to publish, with most codecs left out. */
export const CHROMIUM_OFFER = lines(
  ...OFFER_HEAD,
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 108",
  "c=IN IP4 0.0.0.0",
  "a=rtcp:9 IN IP4 0.0.0.0",
  "a=candidate:1485048057 1 udp 2113937151 0d2b8701-82f6-452d-9f37-5455aaa8c8fe.local 47589 typ " +
    "host generation 0 network-cost 999",
  "a=ice-ufrag:iBXi",
  "a=ice-pwd:aZx2cTZgQbvR08Vly4eOL2cE",
  "a=ice-options:trickle",
  "a=fingerprint:sha-256 FF:3E:C4:D6:52:05:E1:B4:A2:02:6D:D9:85:0E:93:CB:ED:8B:D6:CB:7D:09",
  ...["a=setup:actpass", "a=mid:0", "a=sendonly", "a=rtcp-mux", "a=rtpmap:96 VP8/90000"],
  "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  ...["m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=ice-ufrag:iBXi"],
  ...["a=ice-pwd:aZx2cTZgQbvR08Vly4eOL2cE", "a=mid:1", "a=sendonly", "a=rtcp-mux"],
);

const SRS_HEAD = [
  ...["v=0", "o=SRS/7.0.18(Hang) 107545981243008 2 IN IP4 0.0.0.0", "s=SRSPublishSession"],
  ...["t=0 0", "a=ice-lite", "a=group:BUNDLE 0 1", "a=msid-semantic: WMS live/show"],
];
const SRS_ICE = ["a=ice-ufrag:yrg28861", "a=ice-pwd:v9e94624n60285n163d67x50t1a65536"];

function srsAnswer(...candidates: readonly string[]): string {
  return lines(
    ...SRS_HEAD,
    ...["m=video 9 UDP/TLS/RTP/SAVPF 108", "c=IN IP4 0.0.0.0", ...SRS_ICE],
    ...["a=setup:passive", "a=mid:0", "a=recvonly", "a=rtcp-mux", "a=rtpmap:108 H264/90000"],
    ...candidates,
    ...["m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", ...SRS_ICE],
    ...["a=setup:passive", "a=mid:1", "a=recvonly", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2"],
    ...candidates,
  );
}

/** What SRS answers to CHROMIUM_OFFER. */
export const SRS_ANSWER = srsAnswer(
  "a=candidate:0 1 udp 2130706431 10.0.0.5 8000 typ host generation 0",
);

/** Builds a section with these lines; the rest does not matter. */
function section(media: string, ...rest: readonly string[]): string {
  return lines("v=0", "o=- 1 1 IN IP4 10.0.0.5", "s=-", "t=0 0", media, ...rest);
}

/** An origin's answer, what the proxy advertises, and what the client gets. */
export interface AnswerCase {
  readonly answer: string;
  readonly advertised: Advertised;
  readonly rewritten: string;
}

const ALONE: Advertised = { port: 18000, targets: [] };

/** By what each case is about. */
export const ANSWERS: Readonly<Record<string, AnswerCase>> = {
  "SRS with its own address": {
    answer: SRS_ANSWER,
    advertised: ALONE,
    rewritten: srsAnswer("a=candidate:0 1 udp 2130706431 10.0.0.5 18000 typ host generation 0"),
  },
  "SRS behind one public address": {
    answer: SRS_ANSWER,
    advertised: { port: 18000, targets: [{ host: "203.0.113.7" }] },
    rewritten: srsAnswer("a=candidate:1 1 udp 2130706431 203.0.113.7 18000 typ host generation 0"),
  },
  "several addresses, one with a port and one a name": {
    answer: SRS_ANSWER,
    advertised: {
      port: 18000,
      targets: [
        { host: "203.0.113.7", port: 443 },
        { host: "2001:db8::7" },
        { host: "media.example.com" },
      ],
    },
    rewritten: srsAnswer(
      "a=candidate:1 1 udp 2130706431 203.0.113.7 443 typ host generation 0",
      "a=candidate:2 1 udp 2130706175 2001:db8::7 18000 typ host generation 0",
      "a=candidate:3 1 udp 2130705919 media.example.com 18000 typ host generation 0",
    ),
  },
  "media over TCP too, at the address of the answer": {
    answer: SRS_ANSWER,
    advertised: { ...ALONE, tcp: { port: 443, targets: [] } },
    rewritten: srsAnswer(
      "a=candidate:0 1 udp 2130706431 10.0.0.5 18000 typ host generation 0",
      "a=candidate:tcp1 1 tcp 1520435199 10.0.0.5 443 typ host tcptype passive",
    ),
  },
  "media over TCP too, at addresses of its own": {
    answer: srsAnswer(
      "a=candidate:0 1 udp 2130706431 10.0.0.5 8000 typ host",
      "a=candidate:0 2 udp 2130706430 10.0.0.5 8000 typ host",
      "a=candidate:1 1 tcp 1518280447 10.0.0.5 8000 typ host tcptype passive",
    ),
    advertised: {
      ...{ port: 18000, targets: [{ host: "203.0.113.7", port: 8443 }] },
      tcp: { port: 443, targets: [{ host: "203.0.113.8" }, { host: "2001:db8::8", port: 80 }] },
    },
    rewritten: srsAnswer(
      "a=candidate:1 1 udp 2130706431 203.0.113.7 8443 typ host",
      "a=candidate:tcp1 1 tcp 1520435199 203.0.113.8 443 typ host tcptype passive",
      "a=candidate:tcp2 1 tcp 1520434943 2001:db8::8 80 typ host tcptype passive",
      "a=candidate:1 2 udp 2130706430 203.0.113.7 8443 typ host",
    ),
  },
  "what SRS adds for ?eip= collapses with what was there": {
    answer: srsAnswer(
      "a=candidate:0 1 udp 2130706431 10.0.0.5 8000 typ host generation 0",
      "a=candidate:1 1 udp 2130706431 203.0.113.9 777 typ host generation 0",
    ),
    advertised: { port: 18000, targets: [{ host: "203.0.113.9", port: 777 }] },
    rewritten: srsAnswer("a=candidate:1 1 udp 2130706431 203.0.113.9 777 typ host generation 0"),
  },
  "candidates that differ in their port alone collapse": {
    answer: srsAnswer(
      "a=candidate:0 1 udp 2130706431 10.0.0.5 8000 typ host",
      "a=candidate:1 1 udp 2130706430 10.0.0.5 8001 typ host",
      "a=candidate:2 1 udp 2130706429 10.0.0.6 8001 typ host",
    ),
    advertised: ALONE,
    rewritten: srsAnswer(
      "a=candidate:0 1 udp 2130706431 10.0.0.5 18000 typ host",
      "a=candidate:2 1 udp 2130706429 10.0.0.6 18000 typ host",
    ),
  },
  "candidates over TCP and broken ones are taken out": {
    answer: srsAnswer(
      "a=candidate:0 1 tcp 2130706431 10.0.0.5 8000 typ host tcptype passive",
      "a=candidate:0 1 UDP 2130706431 10.0.0.5 8000 typ host generation 0",
      "a=candidate:1 1 TCP 2130706431 10.0.0.5 8000 typ host tcptype passive",
      "a=candidate:",
      "a=candidate:2 1 udp 2130706431 10.0.0.5 99999 typ host",
      "a=candidate:3 9 udp 2130706431 10.0.0.5 8000 typ host",
      "a=end-of-candidates",
    ),
    advertised: ALONE,
    rewritten: srsAnswer(
      "a=candidate:0 1 UDP 2130706431 10.0.0.5 18000 typ host generation 0",
      "a=end-of-candidates",
    ),
  },
  "an origin over IPv6 with a server-reflexive candidate": {
    answer: section(
      "m=video 8000 UDP/TLS/RTP/SAVPF 96",
      "c=IN IP6 2001:db8::5",
      "a=rtcp:8001 IN IP6 2001:db8::5",
      ...SRS_ICE,
      "a=candidate:7 1 udp 2130706431 2001:db8::5 8000 typ host",
      "a=candidate:8 2 udp 2130706430 2001:db8::5 8001 typ host",
      "a=candidate:9 1 udp 1694498815 198.51.100.5 9000 typ srflx raddr 10.0.0.5 rport 8000 x 1",
      "a=end-of-candidates",
    ),
    advertised: ALONE,
    rewritten: section(
      "m=video 18000 UDP/TLS/RTP/SAVPF 96",
      "c=IN IP6 2001:db8::5",
      "a=rtcp:18000 IN IP6 2001:db8::5",
      ...SRS_ICE,
      "a=candidate:7 1 udp 2130706431 2001:db8::5 18000 typ host",
      "a=candidate:8 2 udp 2130706430 2001:db8::5 18000 typ host",
      "a=candidate:9 1 udp 1694498815 198.51.100.5 18000 typ srflx raddr 0.0.0.0 rport 9 x 1",
      "a=end-of-candidates",
    ),
  },
  "a default destination follows the first candidate": {
    answer: section(
      "m=audio 8000/2 UDP/TLS/RTP/SAVPF 0",
      "c=IN IP4 10.0.0.5",
      "a=rtcp:8001",
      ...SRS_ICE,
      "a=candidate:1 1 udp 5 10.0.0.5 8000 typ host",
    ),
    advertised: { port: 18000, targets: [{ host: "2001:db8::7" }, { host: "203.0.113.7" }] },
    rewritten: section(
      "m=audio 18000/2 UDP/TLS/RTP/SAVPF 0",
      "c=IN IP6 2001:db8::7",
      "a=rtcp:18000",
      ...SRS_ICE,
      "a=candidate:1 1 udp 5 2001:db8::7 18000 typ host",
      "a=candidate:2 1 udp 1 203.0.113.7 18000 typ host",
    ),
  },
  "a default destination alone": {
    answer: section("m=audio 8000 RTP/AVP 0", "c=IN IP4 10.0.0.5", ...SRS_ICE),
    advertised: { port: 18000, targets: [{ host: "203.0.113.7", port: 5000 }] },
    rewritten: section("m=audio 5000 RTP/AVP 0", "c=IN IP4 203.0.113.7", ...SRS_ICE),
  },
  "a default destination for the whole session, and a refused section": {
    answer: lines(
      ...["v=0", "c=IN IP4 10.0.0.5", "t=0 0", "m=audio 0 RTP/AVP 0", "m=video 8000 RTP/AVP 96"],
    ),
    advertised: ALONE,
    rewritten: lines(
      ...["v=0", "c=IN IP4 10.0.0.5", "t=0 0", "m=audio 0 RTP/AVP 0", "m=video 18000 RTP/AVP 96"],
    ),
  },
  "bare line feeds, and no line end at the end": {
    answer: "v=0\nm=video 9 x 96\na=candidate:1 1 udp 9 10.0.0.5 8000 typ host",
    advertised: { port: 18000, targets: [{ host: "203.0.113.7" }, { host: "203.0.113.8" }] },
    rewritten: "v=0\nm=video 9 x 96\na=candidate:1 1 udp 9 203.0.113.7 18000 typ host\r\n" +
      "a=candidate:2 1 udp 1 203.0.113.8 18000 typ host\r\n",
  },
};

/** Fragments of a PATCH or its answer, each with its rewritten form for ALONE. */
export const FRAGMENTS: readonly (readonly [fragment: string, rewritten: string])[] = [
  [
    lines(
      ...["a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", "m=audio 9 RTP/AVP 0"],
      ...["a=mid:0", "a=candidate:1 1 udp 2130706431 10.0.0.5 8000 typ host"],
      "a=end-of-candidates",
    ),
    lines(
      ...["a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", "m=audio 9 RTP/AVP 0"],
      ...["a=mid:0", "a=candidate:1 1 udp 2130706431 10.0.0.5 18000 typ host"],
      "a=end-of-candidates",
    ),
  ],
  [lines("a=end-of-candidates"), lines("a=end-of-candidates")],
  ["", ""],
];

/** Valid descriptions in which nothing is to be changed. */
export const DESCRIPTIONS: readonly string[] = [
  CHROMIUM_OFFER,
  SRS_ANSWER,
  "v=0",
  "v=0\r\n\r\nm=x 0 y z\r\n",
  "v=0\r\ns=\u00fcber\tall\r\nz=\r\n",
];

/** Invalid descriptions, by what is wrong with them. */
export const NO_DESCRIPTIONS: Readonly<Record<string, string>> = {
  "nothing": "",
  "another version": "v=1\r\n",
  "a page": "<html><body>502</body></html>",
  "JSON": '{"code":400}',
  "a line without its equals sign": "v=0\r\nmedia\r\n",
  "a type in upper case": "v=0\r\nM=audio 9 x 0\r\n",
  "a bare carriage return": "v=0\ra=x\r\n",
  "a null byte": "v=0\r\na=x\0y\r\n",
  "an escape": "v=0\r\na=\x1b[2J\r\n",
  "too many lines": "v=0\n" + "a=\n".repeat(4096),
  "too many sections": "v=0\n" + "m=a 0 b c\n".repeat(257),
  "too much": "v=0\na=" + "x".repeat(65536),
};
