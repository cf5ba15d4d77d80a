// The `spbsid` parameter, which the proxy adds to the URL of a WebRTC session so that any proxy of
// a cluster finds the session's origin again: it names the origin and the ICE user name of the
// session's media. Nothing has to be stored for that.
//
// Its form: an `spbhid`, a dot, `p` or `s` for a publisher or a player (subscriber), eleven
// characters of proof, and the user name in base64url. The proof shows that its sender owns the
// session and is made with the session's password; here it is only text.

import type { StreamKey } from "../../core/stream_key.ts";
import { decodeBase64Url, encodeBase64Url } from "../../core/base64url.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { decodeSpbhid, encodeSpbhid } from "../hls/spbhid.ts";

export interface SessionTag {
  readonly key: StreamKey;
  /** `originTagOf` the origin's id. */
  readonly originTag: string;
  readonly intent: "publish" | "play";
  /** `answer-ufrag:offer-ufrag` from when the session began. */
  readonly user: string;
  /** Eleven characters of base64url: 64 bits. */
  readonly proof: string;
}

export const SPBSID = "spbsid";

const INTENTS = { publish: "p", play: "s" } as const;
const VALUE = /^([\w-]+)\.([ps])([\w-]{11})([\w-]+)$/;
const USER = /^[A-Za-z0-9+/]{1,256}:[A-Za-z0-9+/]{1,256}$/;

/**
 * Encodes the value for a session.
 *
 * @param tag `origin` is the origin's id
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const key = { vhost: "tv.example", app: "live", stream: "show", key: "tv.example/live/show" };
 * const said = { key, intent: "publish", user: "answer:offer", proof: "0123456789_" } as const;
 * const { originTag, ...rest } = decodeSessionTag(encodeSessionTag({ ...said, origin: "vid-1" }))!;
 * assert.deepEqual(rest, said);
 * assert.equal(originTag.length, 14);
 * ```
 */
export function encodeSessionTag(
  tag: Omit<SessionTag, "originTag"> & { readonly origin: string },
): string {
  const { key, origin, intent, proof, user } = tag;
  const who = encodeBase64Url(bytesOfText(user));
  return `${encodeSpbhid({ key, origin })}.${INTENTS[intent]}${proof}${who}`;
}

/** Decodes a value; undefined if it is invalid in any way. */
export function decodeSessionTag(text: string): SessionTag | undefined {
  const [, spbhid = "", letter, proof = "", who = ""] = VALUE.exec(text) ?? [];
  const stream = decodeSpbhid(spbhid);
  const bytes = decodeBase64Url(who);
  if (stream === undefined || bytes === undefined || encodeBase64Url(bytes) !== who) {
    return undefined;
  }
  const user = textOfBytes(bytes);
  if (!USER.test(user)) return undefined;
  return { ...stream, intent: letter === INTENTS.publish ? "publish" : "play", user, proof };
}
