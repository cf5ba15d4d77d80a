// The `spbsid` that the proxy adds to the address of a WebRTC session, by which any proxy of a
// cluster finds the session's origin again: the address itself says which origin has it and under
// which ICE user name its media comes. Nothing has to be stored for that.
//
// An `spbhid`, then, behind a dot, `p` or `s` for a publisher or a player (subscriber), eleven
// characters of proof and the user name in base64url. Who the session belongs to is proved by the
// proof, which is made with the session's password; here it is text.

import type { StreamKey } from "../../core/stream_key.ts";
import { decodeBase64Url, encodeBase64Url } from "../../core/base64url.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { decodeSpbhid, encodeSpbhid } from "../hls/spbhid.ts";

export interface SessionTag {
  readonly key: StreamKey;
  /** What `originTagOf` gives for the id of the origin. */
  readonly originTag: string;
  readonly intent: "publish" | "play";
  /** `answer-ufrag:offer-ufrag`, as it was when the session began. */
  readonly user: string;
  /** Eleven characters of base64url: 64 bits. */
  readonly proof: string;
}

export const SPBSID = "spbsid";

const INTENTS = { publish: "p", play: "s" } as const;
const VALUE = /^([\w-]+)\.([ps])([\w-]{11})([\w-]+)$/;
const USER = /^[A-Za-z0-9+/]{1,256}:[A-Za-z0-9+/]{1,256}$/;

/**
 * The value for a session.
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

/** What the value says; undefined when it is none, whatever is wrong with it. */
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
