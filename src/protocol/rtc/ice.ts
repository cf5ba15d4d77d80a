// ICE credentials in descriptions, and the session that the two sides' credentials define. RFC 8839
// section 5.4, RFC 8845/9143 for bundled sections, RFC 8445 section 7.2.2 for the user name.

import { ProtocolError } from "../../core/errors.ts";
import { attributeOf, portOf, type Sdp, type SdpLine } from "./sdp.ts";

/** One side's ICE credentials. */
export interface IceCredentials {
  readonly ufrag: string;
  readonly password: string;
}

/** What identifies a session in the client's connectivity checks. */
export interface IceSession {
  /** `answer-ufrag:offer-ufrag`, the USERNAME of the client's checks. */
  readonly user: string;
  /** The answer's ice-pwd, with which those checks are signed. */
  readonly password: string;
}

const UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const PASSWORD = /^[A-Za-z0-9+/]{22,256}$/;

/**
 * Finds out what the client's checks will carry after this answer to its offer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSdp } from "./sdp.ts";
 *
 * const ice = (name: string) => `a=ice-ufrag:${name}\na=ice-pwd:${name.repeat(6)}`;
 * const sdp = (name: string) => parseSdp(`v=0\n${ice(name)}\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n`);
 * assert.deepEqual(agreeOnIce(sdp("anne"), sdp("bert")), {
 *   user: "bert:anne",
 *   password: "bert".repeat(6),
 * });
 * ```
 *
 * @throws ProtocolError when the answer accepts nothing, or a side has no usable credentials
 */
export function agreeOnIce(offer: Sdp, answer: Sdp): IceSession {
  const index = transportSection(answer);
  const mine = requireCredentials(credentialsAt(answer, index), "answer");
  const mid = attributeOf(answer.media[index] ?? [], "mid");
  const same = offer.media.findIndex((lines) => attributeOf(lines, "mid") === mid);
  const theirs = credentialsAt(offer, mid === undefined || same < 0 ? index : same) ??
    credentialsOf(offer);
  return sessionOf(mine, requireCredentials(theirs, "offer"));
}

/** The session of these two sides. */
export function sessionOf(answer: IceCredentials, offer: IceCredentials): IceSession {
  return { user: `${answer.ufrag}:${offer.ufrag}`, password: answer.password };
}

/**
 * The first credentials in a description or fragment, in any section; undefined if there are none
 * or they cannot be used.
 */
export function credentialsOf({ session, media }: Sdp): IceCredentials | undefined {
  for (const lines of [session, ...media]) {
    const found = readCredentials(lines);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The section whose transport all bundled ones share, or else the first that is not refused. */
function transportSection({ session, media }: Sdp): number {
  const [semantics, first] = (attributeOf(session, "group") ?? "").split(" ");
  const bundled = semantics !== "BUNDLE" || first === undefined
    ? -1
    : media.findIndex((lines) => attributeOf(lines, "mid") === first);
  const index = bundled >= 0 ? bundled : media.findIndex((lines) => portOf(lines) !== 0);
  if (index < 0) throw new ProtocolError("Cannot find an accepted section");
  return index;
}

function credentialsAt({ session, media }: Sdp, index: number): IceCredentials | undefined {
  return readCredentials([...(media[index] ?? []), ...session]);
}

function readCredentials(lines: readonly SdpLine[]): IceCredentials | undefined {
  const ufrag = attributeOf(lines, "ice-ufrag");
  const password = attributeOf(lines, "ice-pwd");
  if (ufrag === undefined || password === undefined) return undefined;
  return UFRAG.test(ufrag) && PASSWORD.test(password) ? { ufrag, password } : undefined;
}

function requireCredentials(found: IceCredentials | undefined, side: string): IceCredentials {
  if (found !== undefined) return found;
  throw new ProtocolError(`Cannot find usable ice-ufrag and ice-pwd in the ${side}`);
}
