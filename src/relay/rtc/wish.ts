// What a client asks for with an offer: the stream, and the offer itself from either kind of body.
// RFC 9725 section 4.2 for WHIP; SRS's own format for the older JSON pair.

import { ProtocolError } from "../../core/errors.ts";
import type { StreamKey } from "../../core/stream_key.ts";
import { textOfBytes } from "../../core/binary_text.ts";
import { parseJsonObject } from "../../protocol/rtc/json_text.ts";
import {
  intentOf,
  isBare,
  type RtcEndpoint,
  type RtcKind,
  streamKeyFromQuery,
  streamKeyFromUrl,
} from "./rtc_endpoint.ts";

export interface Wish {
  readonly kind: RtcKind;
  readonly intent: "publish" | "play";
  readonly key: StreamKey;
  /** If it came bare, one character for each byte. */
  readonly sdp: string;
  /** What is sent to the origin, and where. */
  readonly body: Uint8Array;
  readonly path: string;
  readonly query: string;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a wish.
 *
 * @throws ProxyError `bad_request` when the stream's names cannot be used or the body is not JSON
 */
export function readWish(
  { kind, path }: RtcEndpoint,
  request: { readonly host: string; readonly query: string },
  body: Uint8Array,
): Wish {
  const { host, query } = request;
  const rest = { kind, intent: intentOf(kind, query), body, path, query };
  if (isBare(kind)) {
    return { ...rest, key: streamKeyFromQuery(host, query), sdp: textOfBytes(body) };
  }
  const { streamurl, sdp } = parseJsonObject(utf8Of(body));
  if (typeof streamurl !== "string") throw new ProtocolError("Cannot find streamurl in the body");
  if (typeof sdp !== "string") throw new ProtocolError("Cannot find sdp in the body");
  return { ...rest, key: streamKeyFromUrl(streamurl), sdp };
}

/**
 * Decodes UTF-8.
 *
 * @throws ProtocolError when the bytes are not UTF-8
 */
export function utf8Of(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new ProtocolError("Cannot read the body: it is not UTF-8");
  }
}

/** The media type in a header field, without its parameters; empty if there is none. */
export function mediaTypeOf(field: string | null | undefined): string {
  return (field ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/**
 * Whether a body may be a bare offer. SRS ignores the type, so a body that begins like an offer is
 * accepted whatever its type.
 */
export function mayBeOffer(type: string, body: Uint8Array): boolean {
  return type === "application/sdp" || textOfBytes(body.subarray(0, 3)) === "v=0";
}
