// Every place where the program examines texts from outside, for the tests that count what a text
// costs there. A run of characters is inserted where a stranger could, after a prefix that reaches
// the place and before an end that fails.

import { AddressPolicy } from "../../src/api/address_policy.ts";
import { parseByteRange } from "../../src/api/byte_range.ts";
import { originOf, parseRegistration } from "../../src/api/registration.ts";
import { refuseOtherNames, refuseOtherSites, requireJson } from "../../src/api/browser_guard.ts";
import { bearerToken } from "../../src/api/token.ts";
import { cidrContains, parseCidr } from "../../src/core/cidr.ts";
import { corsFor } from "../../src/core/cors.ts";
import { parseEndpoint, parseListenAddress } from "../../src/core/endpoint.ts";
import { HopMark } from "../../src/core/hop_mark.ts";
import { matchesHost, normalizeHostName, normalizeHostPattern } from "../../src/core/host_name.ts";
import { lineFormatter } from "../../src/core/log_lines.ts";
import { parseMediaTarget } from "../../src/core/media_target.ts";
import { isLabel, labelFor, parsePlacement } from "../../src/core/placement_rule.ts";
import { parsePathTemplate } from "../../src/core/path_template.ts";
import { streamKeyFromHttp, streamKeyFromRtmp } from "../../src/core/stream_key.ts";
import { decodeBase64Url, encodeBase64Url } from "../../src/core/base64url.ts";
import { MOST_OF_HEADER, parseProxyHeader } from "../../src/net/proxy_header.ts";
import { rewriteManifest } from "../../src/protocol/hls/dash.ts";
import { rewriteLink } from "../../src/protocol/hls/link.ts";
import { rewritePlaylist } from "../../src/protocol/hls/playlist.ts";
import { isPathOf, streamsByName } from "../../src/protocol/hls/stream_paths.ts";
import { decodeSpbhid, encodeSpbhid, takeSpbhid } from "../../src/protocol/hls/spbhid.ts";
import { BodyScanner } from "../../src/protocol/http/body_scanner.ts";
import { Fields, findHeadEnd, MAX_HEAD, parseHead } from "../../src/protocol/http/head.ts";
import { parameterOf } from "../../src/protocol/http/query.ts";
import { understandRequest } from "../../src/protocol/http/request.ts";
import { understandResponse } from "../../src/protocol/http/response.ts";
import { decodeSessionTag } from "../../src/protocol/rtc/session_tag.ts";
import { outgoingRequest } from "../../src/http1/outgoing_request.ts";
import { responseFields } from "../../src/relay/http/fields.ts";
import { mediaWishOf } from "../../src/relay/http/media_request.ts";
import { askedTarget } from "../../src/relay/rtc/advertiser.ts";
import { intentOf } from "../../src/relay/rtc/rtc_endpoint.ts";
import { sessionAddress } from "../../src/relay/rtc/session_address.ts";

export interface TextParser {
  readonly name: string;
  /** Characters with a meaning there; all others are treated alike, or nearly so. */
  readonly special: string;
  /** The texts around the run of characters; `$` stands for the run. */
  readonly texts: readonly string[];
  /** May throw when it refuses such a text. */
  parse(text: string): unknown;
}

/** The sender of texts that are not from a client. */
export const ORIGIN = {
  ...{ id: "a", generation: "1", deviceId: "", ip: "10.0.0.1" },
  endpoints: { rtmp: [], http: [{ host: "10.0.0.1", port: 8080 }], api: [], srt: [], rtc: [] },
};
const TARGET = {
  spbhid: "x",
  clientHost: "proxy.example:8080",
  originAddresses: ORIGIN.endpoints.http,
};
/** The policy for registrations of an operator who allows all public addresses. */
export const POLICY = new AddressPolicy({
  ...{ allow: () => [], allowNames: () => [] },
  ...{ ownAddresses: () => [], otherProxies: () => [], localIps: () => [] },
});
const TEMPLATES = [
  ...["[vhost]/[app]/[stream]-[seq].ts", "[app]/[stream]/[seq].ts", "[app]/[stream]/index.m3u8"],
].map(parsePathTemplate);
const RULES = parsePlacement("*/ne?s/*=eu,v.example.com/live/*=us");
const SHOW = streamKeyFromHttp({ host: "h", path: "/live/show.flv", query: "" });
const SPBHID = encodeSpbhid({ key: SHOW, origin: "a" });
/** Characters with a meaning in and around stream names. */
export const KEYS = "/?&=.% ";

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Truncates a text that has a limit, so that code after the limit check is exercised too. */
export function within(most: number, text: string): string {
  return text.length <= most ? text : text.slice(0, most - 8) + text.slice(-8);
}

/** Most characters of a text in a head. */
const IN_HEAD = MAX_HEAD - 256;
/** A shorter length where the platform itself takes long to make a request from a text. */
export const SHORT_HEAD = 16_384;

function headOf(start: string, field: string) {
  const head = bytesOf(`${start}\r\nHost: h\r\n${field}\r\n\r\n`);
  return parseHead(head.subarray(0, findHeadEnd(head)));
}

function requestOf(path: string, field = "X: y") {
  return understandRequest(headOf(`GET ${path} HTTP/1.1`, field));
}

/** Places that read names, HTTP, registrations, playlists and links, and that write the log. */
export const TEXT_PARSERS: readonly TextParser[] = [
  {
    name: "tcUrl",
    special: `${KEYS}:@[`,
    texts: [
      "$",
      "rtmp://$",
      "rtmp://$a/live",
      "rtmp://[$/live",
      "rtmp://h/$a",
      "rtmp://h/live?vhost=$a",
    ],
    parse: (text) => streamKeyFromRtmp({ tcUrl: text, app: "", stream: "show" }),
  },
  {
    name: "app and stream of RTMP",
    special: KEYS,
    texts: ["$", "$a", "show?$", "show?vhost=$a", "show...vhost...$a", "show?domain=$.a"],
    parse: (text) => {
      ignoring(() => streamKeyFromRtmp({ tcUrl: "", app: text, stream: "" }));
      streamKeyFromRtmp({ tcUrl: "rtmp://h/live", app: "", stream: text });
    },
  },
  {
    name: "host, path and query of HTTP",
    special: KEYS,
    texts: ["$", "$a"],
    parse: (text) => {
      ignoring(() => streamKeyFromHttp({ host: text, path: "/live/show.flv", query: "" }));
      ignoring(() => streamKeyFromHttp({ host: "h", path: `/live/${text}.flv`, query: "" }));
      streamKeyFromHttp({ host: "h", path: "/live/show.flv", query: `vhost=${text}` });
    },
  },
  {
    name: "request line",
    special: KEYS,
    texts: [
      "/$",
      "/live/$.flv",
      "/live/show.flv?spbhid=$",
      "/live/show.m3u8?$",
      "/live/$/index.m3u8",
      "/live/show-$.ts",
      "https://$/x",
      "https://h/$",
      "*$",
    ],
    parse: (text) => mediaWishOf(requestOf(within(IN_HEAD, text)), TEMPLATES),
  },
  {
    name: "paths of a stream's files",
    special: KEYS,
    texts: ["/live/show$.ts", "/live/$/show.ts", "/$/live/show-1.ts"],
    parse: (text) => {
      const where = { host: "h", path: text.slice(0, 200) + text.slice(-8), query: "" };
      isPathOf(SHOW, where, TEMPLATES);
      streamsByName(where);
    },
  },
  {
    name: "fields of a request",
    special: '\t :,="',
    texts: [
      "$",
      "X: $a",
      "$: a",
      "X$a: b",
      "Connection: $",
      "Transfer-Encoding: $",
      "Content-Length: $a",
    ],
    parse: (text) => requestOf("/", within(IN_HEAD, text)),
  },
  {
    name: "Host",
    special: ".:[]-%",
    texts: ["$", "$a", "[$]", "a:$"],
    parse: (text) => {
      const head = bytesOf(`GET / HTTP/1.1\r\nHost: ${within(IN_HEAD, text)}\r\n\r\n`);
      understandRequest(parseHead(head));
    },
  },
  {
    name: "status line and fields of a response",
    special: "\t :,/",
    texts: ["HTTP/1.1 200 $", "HTTP/1.1 $", "$"],
    parse: (text) => understandResponse(headOf(within(IN_HEAD, text), "X: y"), "GET"),
  },
  {
    name: "fields that are changed on their way",
    special: "\t ,:/?@[",
    texts: ["$", "$a", "http://$", "http://10.0.0.1:$"],
    parse: (text) => {
      const value = within(IN_HEAD, text);
      const names = ["Location", "Connection", "X-Forwarded-For", "Origin", "Via", "Forwarded"];
      const fields = new Fields(names.map((name) => ({ name, value })));
      const request = { ...requestOf("/"), fields };
      const response = understandResponse(headOf("HTTP/1.1 200 OK", `Location: ${value}`), "GET");
      responseFields(response, request, { origin: ORIGIN, corsOrigins: ["https://a.example"] });
      corsFor(value, ["https://a.example"], []);
      outgoingRequest(request, {
        isSecure: false,
        ...{ query: "", readable: true, peer: { host: "127.0.0.1", port: 1 } },
        trustedProxies: [parseCidr("127.0.0.0/8")],
        hopMark: new HopMark(),
      });
    },
  },
  {
    name: "chunks and trailers of a body",
    special: "\r\n;:\t 0",
    texts: ["$", "1;$", "0\r\n$", "0\r\na:$\r\n\r\n", "0\r\n$\r\n\r\n"],
    parse: (text) => new BodyScanner("chunked", () => {}).push(bytesOf(text)),
  },
  {
    name: "PROXY header",
    special: "PROXYTCP46 .:\r\n0",
    texts: [
      "$",
      "PROXY $",
      "PROXY TCP4 $ 1.1.1.1 1 1\r\n",
      "PROXY TCP4 1.1.1.1 1.1.1.1 $\r\n",
    ],
    parse: (text) => {
      ignoring(() => parseProxyHeader(bytesOf(within(MOST_OF_HEADER, text))));
      parseProxyHeader(bytesOf(text));
    },
  },
  {
    name: "query parameters and the proxy's own values",
    special: "&=;._-%",
    texts: ["$", "spbhid=$", "eip=[$", "YTpi$"],
    parse: (text) => {
      const { spbhid = "" } = takeSpbhid(text);
      for (const value of [text, spbhid]) {
        decodeSpbhid(value);
        decodeSessionTag(value);
        decodeSessionTag(`${value}.p${"A".repeat(11)}${value}`);
        decodeBase64Url(value);
      }
      decodeSessionTag(`${SPBHID}.p${"A".repeat(11)}${encodeBase64Url(bytesOf(text))}`);
      sessionAddress("/rtc/v1/whip/", text, "x");
      intentOf("whip", text);
      parameterOf(text, "app");
      askedTarget(text);
    },
  },
  {
    name: "addresses",
    special: ".:[]/0",
    texts: ["$", "$:1", "[$]:1", "tcp://$", "localhost:$", "1.2.3.$", "1::$"],
    parse: (text) => {
      cidrContains(parseCidr("10.0.0.0/8"), text);
      ignoring(() => parseCidr(text));
      ignoring(() => parseListenAddress(text));
      ignoring(() => parseEndpoint(text));
      parseMediaTarget(text);
    },
  },
  {
    name: "labels of origins, and streams that rules pin to one",
    special: "._:-=*?/,",
    texts: ["$", "a$", "h/live/$", "*/news/*=$", "$=eu"],
    parse: (text) => {
      ignoring(() => isLabel(text) || labelFor(RULES, text) || parsePlacement(text));
    },
  },
  {
    name: "browsers at an API",
    special: ".:[]-/+",
    texts: ["$", "[$]:1", "a:$", "$.localhost", "http://$", "application/$", "application/$+json"],
    parse: (text) => {
      const names = ["host", "origin", "content-type", "sec-fetch-site"];
      const visible = text.replace(/[^\x20-\x7e]/g, "").trim();
      // Longer ones are not examined.
      for (const most of [SHORT_HEAD, 250]) {
        const value = within(most, visible);
        const headers = Object.fromEntries(names.map((name) => [name, value]));
        const request = new Request("http://h/", { method: "POST", headers });
        for (const refuse of [refuseOtherSites, refuseOtherNames, requireJson]) {
          ignoring(() => refuse(request));
        }
      }
    },
  },
  {
    name: "host names and proxies on the way",
    special: ".*-_ \t,",
    texts: ["$", "*.$", "a$", "1.1 $"],
    parse: (text) => {
      normalizeHostName(text);
      const short = text.slice(0, 249);
      normalizeHostName(short);
      normalizeHostPattern(short);
      matchesHost("*.example.com", short);
      new HopMark().requireNew([text]);
      new HopMark().requireNew(text.split(","));
    },
  },
  {
    name: "bearer token and range",
    special: "\t =-,",
    texts: [
      "$",
      "Bearer $",
      "Bearer a$",
      "Bearer a$b",
      "bytes=$",
      "bytes=0-$",
      "$bytes=1-",
      "bytes=1$-2",
    ],
    parse: (text) => [bearerToken(text), parseByteRange(text, 10)],
  },
  {
    name: "registration",
    special: '"\\[:,.\u202e\ud800',
    texts: ["$", "tcp://$", '"1",$'],
    parse: (text) => {
      ignoring(() => parseRegistration(text));
      for (const name of ["ip", "server", "pid", "rtmp", "device_id"]) {
        const good = { ip: "10.0.0.1", server: "a", service: "s", pid: "1", rtmp: ["1935"] };
        const value = name === "rtmp" ? [text] : text;
        ignoring(() =>
          originOf(parseRegistration(JSON.stringify({ ...good, [name]: value })), POLICY)
        );
      }
    },
  },
  {
    name: "list of a registration",
    special: '"\\[:,',
    texts: ["$"],
    parse: (text) => {
      parseRegistration(`{"rtmp":[${`${JSON.stringify(text.slice(0, 4))},`.repeat(9_000)}1]}`);
    },
  },
  {
    name: "playlist",
    special: '#=",: \r\n',
    texts: [
      ...["#EXTM3U\n$", "#EXTM3U\nhttp://$\n$", "#EXTM3U\n/a?spbhid=$", "#EXTM3U\n{$"],
      ...[
        '#EXTM3U\n#EXT-X-KEY:METHOD=NONE,URI="$',
        "#EXTM3U\n#EXT-X-KEY:$",
        "#EXTM3U\n#EXT-X-MAP:A=$,$",
      ],
    ],
    parse: (text) => rewritePlaylist(bytesOf(text), TARGET),
  },
  {
    name: "manifest",
    special: "<>/=\"'& ;",
    texts: [
      ...[
        "$",
        "<MPD>$",
        "<MPD $",
        '<MPD a="$',
        "<MPD><BaseURL>$</BaseURL></MPD>",
        "<!--$",
        "<MPD><![CDATA[$",
      ],
      ...[
        "<MPD><BaseURL>&$;</BaseURL></MPD>",
        "<MPD></$",
        '<MPD><SegmentTemplate media="$"/></MPD>',
      ],
      ...["<MPD><Location>http://$</Location></MPD>", "<MPD><BaseURL>/&#$;</BaseURL></MPD>"],
    ],
    parse: (text) => rewriteManifest(bytesOf(text), TARGET),
  },
  {
    name: "link",
    special: ":/?#[&",
    texts: ["$", "$a", "http://$", "//[$", "http://10.0.0.1:8080$", "/a?$", "?spbhid=$&spbhid=$"],
    parse: (text) => rewriteLink(text, TARGET),
  },
  {
    name: "log line",
    special: ' "\\\n\u009b\u202e\ud800',
    texts: ["$"],
    parse: (text) => {
      for (const format of ["text", "json"] as const) {
        lineFormatter(format)({
          ...{ category: ["a"], level: "info", message: ["b"], rawMessage: "b", timestamp: 0 },
          properties: { text, error: new Error(text), list: [text] },
        });
      }
    },
  },
];

/** Calls something that may refuse its argument, ignoring the error. */
export function ignoring(call: () => unknown): void {
  try {
    call();
  } catch {
    // A refused text has been examined too.
  }
}
