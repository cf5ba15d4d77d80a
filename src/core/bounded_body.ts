// Reads the body of a request without trusting its sender in length, pace, or the size of the pieces in
// which it arrives.

import type { Clock } from "./clock.ts";
import { ProxyError } from "./errors.ts";
import { GrowingBytes } from "./growing_bytes.ts";
import type { Memory } from "./memory.ts";

/**
 * How much of a body that is too long is read and discarded, in bytes: a sender that is still sending
 * when the connection ends may never see the answer.
 */
const LONGEST_DISCARD = 16 * 1024 * 1024;

/** How much to read, in bytes, and how long to wait for it, in milliseconds. */
export interface BodyBounds {
  readonly limit: number;
  readonly deadline: number;
  readonly clock: Clock;
  /** Where its memory is taken from, in bytes; the caller gives it back when the body is no longer needed. */
  readonly memory?: Memory | undefined;
}

/**
 * The whole body as UTF-8 text. A body that is too long is read to its end, within limits, but not kept.
 *
 * @throws ProxyError `too_large`, `timeout`, `client_gone` when the sender breaks off; what `memory` throws
 */
export async function readBoundedText(request: Request, bounds: BodyBounds): Promise<string> {
  return new TextDecoder().decode(await readBoundedBytes(request, bounds));
}

/**
 * The whole body, empty if there is none. One that is too long is read to its end, within limits, but not
 * kept.
 *
 * @throws ProxyError `too_large`, `timeout`, `client_gone` when the sender breaks off; what `memory` throws
 */
export async function readBoundedBytes(
  request: Request,
  bounds: BodyBounds,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > LONGEST_DISCARD) throw tooLarge(announced);
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  let late = false;
  using _timer = bounds.clock.after(bounds.deadline, () => {
    late = true;
    reader.cancel().catch(() => {});
  });
  try {
    const bytes = await readUpTo(reader, bounds);
    if (late) throw new ProxyError("timeout", "Cannot wait longer for the body");
    return bytes;
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    throw new ProxyError("client_gone", "Cannot read the body", { cause: error });
  }
}

async function readUpTo(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { limit, memory }: BodyBounds,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = new GrowingBytes(limit, memory);
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done && length <= limit) return body.bytes;
    length += value?.length ?? 0;
    if (length <= limit) {
      append(body, value!, reader);
    } else if (done || length > LONGEST_DISCARD) {
      reader.cancel().catch(() => {});
      throw tooLarge(length);
    }
  }
}

/** @throws ProxyError what the memory throws; nothing more is read then */
function append(
  body: GrowingBytes,
  piece: Uint8Array,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): void {
  try {
    body.append(piece);
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  }
}

function tooLarge(length: number): ProxyError {
  return new ProxyError("too_large", `Cannot accept so long a body: current value is ${length}`);
}
