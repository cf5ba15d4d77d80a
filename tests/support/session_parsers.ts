// More places where the program examines texts from outside, in addition to those in
// text_parsers.ts: session setup in RTMP, SRT and WebRTC.

import { streamKeyFromRtmp } from "../../src/core/stream_key.ts";
import { mediaAddresses, rewriteAnswer } from "../../src/protocol/rtc/answer.ts";
import { agreeOnIce } from "../../src/protocol/rtc/ice.ts";
import { parseJsonObject, replaceMember } from "../../src/protocol/rtc/json_text.ts";
import { encodeSdp, parseSdp } from "../../src/protocol/rtc/sdp.ts";
import { parseBindingRequest } from "../../src/protocol/rtc/stun.ts";
import { ClientConversation } from "../../src/protocol/rtmp/client_conversation.ts";
import { MessageWriter } from "../../src/protocol/rtmp/message_writer.ts";
import { parseHandshake } from "../../src/protocol/srt/handshake.ts";
import { parseStreamId } from "../../src/core/srt_stream_id.ts";
import { endpointAt, streamKeyFromUrl } from "../../src/relay/rtc/rtc_endpoint.ts";
import { readLocation } from "../../src/relay/rtc/session_address.ts";
import { mediaTypeOf, readWish } from "../../src/relay/rtc/wish.ts";
import { Script } from "./rtmp_script.ts";
import { srtHandshake } from "./srt_packets.ts";
import { stunRequest } from "./stun_message.ts";
import { ignoring, KEYS, ORIGIN, type TextParser, within } from "./text_parsers.ts";

const ENCODER = new TextEncoder();
const CREDENTIALS = `a=ice-ufrag:abcd\r\na=ice-pwd:${"p".repeat(24)}\r\n`;

function answerSdp(text: string): void {
  const sdp = parseSdp(within(65_000, text));
  mediaAddresses(sdp);
  encodeSdp(rewriteAnswer(sdp, { port: 8000, targets: [{ host: "192.0.2.1" }] }));
  agreeOnIce(sdp, sdp);
}

export const SESSION_PARSERS: readonly TextParser[] = [
  {
    name: "offers and answers",
    special: " \t\r\n:=/.",
    texts: [
      ...["$", "v=0\r\n$", "v=0\r\na=$", "v=0\r\na=group:BUNDLE $", "v=0\r\nc=IN IP4 $"],
      `v=0\r\n${CREDENTIALS}m=$a`,
      `v=0\r\n${CREDENTIALS}m=audio 9 $\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host $\r\n`,
      `v=0\r\n${CREDENTIALS}m=audio 9 x\r\na=candidate:$ 1 udp`,
      `v=0\r\n${CREDENTIALS}m=audio 9 x\r\nc=IN IP4 10.0.0.1\r\na=rtcp:$ IN IP4 $\r\na=mid:$`,
      `v=0\r\n${CREDENTIALS}m=audio 1$ x\r\na=candidate:1 1 udp 1 h 1 typ srflx raddr $ rport $`,
      `v=0\r\na=ice-ufrag:$\r\na=ice-pwd:$\r\nm=audio 9 x`,
    ],
    parse: answerSdp,
  },
  {
    name: "JSON",
    special: '"\\[]{}:,',
    texts: ["$", '{"sdp":"a","$', '{"a":[$', '{"sdp":"v=0"}$'],
    parse: parseJsonObject,
  },
  {
    name: "texts in JSON of signalling",
    special: '"\\{:/',
    texts: ["$"],
    parse: (text) => {
      replaceMember(JSON.stringify({ [text]: text, sdp: "a" }), "sdp", "x");
      const body = ENCODER.encode(JSON.stringify({ streamurl: `webrtc://${text}`, sdp: "a" }));
      const play = { kind: "play", path: "/rtc/v1/play/" } as const;
      ignoring(() => readWish(play, { host: "h", query: "" }, body));
      const whip = { kind: "whip", path: "/rtc/v1/whip/" } as const;
      readWish(whip, { host: text, query: `app=${text}&stream=${text}` }, body);
    },
  },
  {
    name: "addresses and media types of signalling",
    special: "/:;,=. q0",
    texts: [
      "$",
      "webrtc://$",
      "webrtc://h/$a",
      "/rtc/v1/$/",
      ";$q=0$",
      "text/$;q=0.$x",
      "http://$/a",
    ],
    parse: (text) => {
      endpointAt(text);
      mediaTypeOf(text);
      const originAddresses = ORIGIN.endpoints.http;
      readLocation(text, { host: "h", path: "/rtc/v1/whip/", originAddresses });
      streamKeyFromUrl(text);
    },
  },
  {
    name: "StreamID",
    special: `${KEYS}!`,
    texts: ["$", "#!::$", "#!::r=$,m=publish", "#!::h=$/a", "live/$?a", "#!::m=$"],
    parse: (text) => {
      ignoring(() => parseStreamId(text));
      const data = ENCODER.encode(within(500, text));
      const extensions = [{ type: 5, data }];
      const options = { type: -1, socketId: 1, extensionField: 5, extensions };
      parseStreamId(parseHandshake(srtHandshake(options)).streamId);
    },
  },
  {
    name: "user name of STUN",
    special: ": +/",
    texts: ["$", "$:$", "a:$ ", "$ "],
    parse: (text) => {
      const user = within(500, text);
      parseBindingRequest(stunRequest({ user, password: "p" }));
    },
  },
  {
    name: "commands of RTMP",
    special: KEYS,
    texts: ["$"],
    parse: (text) => {
      const name = within(60_000, text);
      const script = new Script();
      const fields = { app: name.slice(0, 100), tcUrl: name, [name.slice(0, 100)]: 1 };
      script.command(["connect", 1, fields]).command(["publish", 2, null, name]);
      const conversation = new ClientConversation(new MessageWriter());
      conversation.push(script.bytes);
      const { connect, wish } = conversation;
      streamKeyFromRtmp({ ...connect, stream: wish?.name ?? "" });
    },
  },
];
