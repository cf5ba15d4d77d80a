// Rewrites an origin's answer so that the client sends its media to the proxy: candidates, and the
// default destination in the m= and c= lines, get the proxy's port and the advertised addresses. If
// the proxy also accepts media over TCP, candidates for that are added (RFC 6544). Every other line
// stays unchanged. RFC 8839 sections 4.2 and 5.1, RFC 8445 section 5.1.2 for priorities.

import type { MediaTarget } from "../../core/media_target.ts";
import type { Address } from "../../core/address.ts";
import {
  type Candidate,
  encodeCandidate,
  isCandidateLine,
  isUdp,
  parseCandidate,
} from "./candidate.ts";
import { portOf, type Sdp, type SdpLine } from "./sdp.ts";

/** Where clients are told to send their media. */
export interface Advertised {
  /** The UDP port of the proxy. */
  readonly port: number;
  /** The preferred one first; empty = the answer's addresses are kept. */
  readonly targets: readonly MediaTarget[];
  /** The same for media over TCP; absent if it is not accepted. */
  readonly tcp?: Pick<Advertised, "port" | "targets"> | undefined;
}

/** Placeholder for a port that is given elsewhere: RFC 8840 section 4.1.1. */
const NO_PORT = 9;
/** Priority lost with each less preferred address: the lowest bit of the local preference. */
const STEP = 256;
/**
 * Priority of the first TCP candidate: its type ranks below all UDP types except relays, and its
 * local preference is that of a passive candidate (RFC 6544 section 4.2).
 */
const TCP_PRIORITY = 90 * 2 ** 24 + (4 * 2 ** 13 + 8_191) * STEP + 255;

/**
 * Rewrites an answer, or the fragment that answers a PATCH, for the client.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { encodeSdp, parseSdp } from "./sdp.ts";
 *
 * const media = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
 * const answer = `${media}a=candidate:1 1 udp 2130706431 10.0.0.5 8000 typ host\r\n`;
 * const targets = [{ host: "203.0.113.7" }];
 * const rewritten = encodeSdp(rewriteAnswer(parseSdp(answer), { port: 9000, targets }));
 * assert.match(rewritten, / 203\.0\.113\.7 9000 typ host/);
 * assert.doesNotMatch(rewritten, /10\.0\.0\.5/);
 * ```
 */
export function rewriteAnswer(sdp: Sdp, advertised: Advertised): Sdp {
  const foundations: Foundations = { overUdp: new Map(), overTcp: new Map() };
  const sections = [sdp.session, ...sdp.media].map((lines) =>
    moveCandidates(lines, advertised, foundations)
  );
  const firsts = sections.map(firstCandidate);
  const shared = firsts.find((first) => first !== undefined);
  const [session = [], ...media] = sections.map((lines, index) =>
    moveDefaults(lines, firsts[index] ?? shared, advertised)
  );
  return { session, media };
}

/**
 * The addresses at which the sender of an answer accepts media over UDP, from its candidates or,
 * without any, its default destination. Without duplicates, in order; some may be names.
 */
export function mediaAddresses({ session, media }: Sdp): Address[] {
  const candidates = [session, ...media].flat().map(parseCandidate)
    .filter((candidate) => candidate !== undefined)
    .filter((candidate) => isUdp(candidate) && candidate.component === 1 && candidate.port > 0);
  const found = candidates.length > 0 ? candidates : media.flatMap((lines) => {
    const host = connectionHost(lines) ?? connectionHost(session);
    const port = portOf(lines);
    return host === undefined || port === 0 || port === NO_PORT ? [] : [{ host, port }];
  });
  const byText = new Map(found.map(({ host, port }) => [`${host} ${port}`, { host, port }]));
  return [...byText.values()];
}

/** Foundations given to candidates, by type and address. */
interface Foundations {
  readonly overUdp: Map<string, string>;
  readonly overTcp: Map<string, string>;
}

function moveCandidates(
  lines: readonly SdpLine[],
  advertised: Advertised,
  { overUdp: foundations, overTcp: tcpFoundations }: Foundations,
): SdpLine[] {
  const seen = new Set<string>();
  const isNew = ({ component, transport, host, port }: Candidate) => {
    const place = `${component} ${transport.toLowerCase()} ${host} ${port}`;
    return !seen.has(place) && seen.add(place);
  };
  return lines.flatMap((line) => {
    if (!isCandidateLine(line)) return [line];
    const candidate = parseCandidate(line);
    if (candidate === undefined || !isUdp(candidate)) return [];
    const moved = moveCandidate(candidate, advertised).filter(isNew);
    const isKept = advertised.targets.length === 0;
    const overUdp = moved.map((one) => {
      return isKept ? one : { ...one, foundation: foundationOf(one, foundations) };
    });
    const overTcp = tcpCandidates(candidate, advertised).filter(isNew)
      .map((one) => ({ ...one, foundation: `tcp${foundationOf(one, tcpFoundations)}` }));
    return [...overUdp, ...overTcp].map((one) => {
      return { ...line, value: encodeCandidate(one), end: line.end || "\r\n" };
    });
  });
}

/** One candidate for each advertised address. */
function moveCandidate(candidate: Candidate, { port, targets }: Advertised): Candidate[] {
  const { priority } = candidate;
  const moved = targets.map((target, index) => ({
    ...candidate,
    priority: Math.max(1, priority - STEP * index),
    host: target.host,
    port: target.port ?? port,
  }));
  return (targets.length > 0 ? moved : [{ ...candidate, port }]).map(withoutBase);
}

/** One candidate for each address at which media is accepted over TCP; the client connects. */
function tcpCandidates({ component, host }: Candidate, { tcp }: Advertised): Candidate[] {
  // Clients that use TCP multiplex RTCP with RTP.
  if (tcp === undefined || component !== 1) return [];
  const targets = tcp.targets.length > 0 ? tcp.targets : [{ host }];
  return targets.map((target: MediaTarget, index) => ({
    ...{ foundation: "", component, transport: "tcp" },
    priority: TCP_PRIORITY - STEP * index,
    ...{ host: target.host, port: target.port ?? tcp.port },
    rest: "typ host tcptype passive",
  }));
}

/** Candidates with the same type and address share a foundation. */
function foundationOf({ host, rest }: Candidate, foundations: Map<string, string>): string {
  const base = `${host} ${rest.split(" ", 2).join(" ")}`;
  const known = foundations.get(base) ?? String(foundations.size + 1);
  foundations.set(base, known);
  return known;
}

/** The candidate without its related address, RFC 8839 section 5.1. */
function withoutBase(candidate: Candidate): Candidate {
  const nowhere = candidate.host.includes(":") ? "::" : "0.0.0.0";
  const rest = candidate.rest.replace(/ raddr \S+/, ` raddr ${nowhere}`)
    .replace(/ rport \S+/, ` rport ${NO_PORT}`);
  return { ...candidate, rest };
}

function firstCandidate(lines: readonly SdpLine[]): Candidate | undefined {
  const candidates = lines.map(parseCandidate);
  return candidates.find((candidate) => candidate?.component === 1 && isUdp(candidate));
}

/** Moves the default destination, for peers that do not read candidates. */
function moveDefaults(
  lines: readonly SdpLine[],
  first: Candidate | undefined,
  { port, targets }: Advertised,
): SdpLine[] {
  const [target] = targets;
  const host = first?.host ?? target?.host;
  const newPort = first?.port ?? target?.port ?? port;
  return lines.map((line) => {
    const { type, value } = line;
    if (type === "m") return { ...line, value: value.replace(MEDIA_PORT, movePort(newPort)) };
    if (type === "c") return { ...line, value: moveConnection(value, host) };
    if (type !== "a" || !value.startsWith("rtcp:")) return line;
    const [written = "", ...connection] = value.slice("rtcp:".length).split(" ");
    const moved = written.replace(/^()(\d+)$/, movePort(newPort));
    const rest = connection.length > 0 ? [moveConnection(connection.join(" "), host)] : [];
    return { ...line, value: `rtcp:${[moved, ...rest].join(" ")}` };
  });
}

const MEDIA_PORT = /^(\S+ )(\d+)(?=[ /])/;
const CONNECTION = /^IN IP[46] (\S+)$/;

function movePort(port: number): (whole: string, before: string, digits: string) => string {
  return (whole, before, digits) => {
    const isTold = Number(digits) !== 0 && Number(digits) !== NO_PORT;
    return isTold ? `${before}${port}` : whole;
  };
}

function moveConnection(value: string, host: string | undefined): string {
  if (host === undefined || toldHost(value) === undefined) return value;
  return `IN IP${host.includes(":") ? 6 : 4} ${host}`;
}

function connectionHost(lines: readonly SdpLine[]): string | undefined {
  const connection = lines.find(({ type }) => type === "c");
  return connection && toldHost(connection.value);
}

/** The address of a c= line; undefined if it is a placeholder. */
function toldHost(value: string): string | undefined {
  const host = CONNECTION.exec(value)?.[1];
  return host === "0.0.0.0" || host === "::" ? undefined : host;
}
