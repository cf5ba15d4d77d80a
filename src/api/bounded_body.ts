// Reads the body of a request without trusting its sender: neither its length nor its pace.

import { ProxyError } from "../core/errors.ts";

/** How much to read, in bytes, and how long to wait for it, in milliseconds. */
export interface BodyBounds {
  readonly limit: number;
  readonly deadline: number;
}

/**
 * The whole body as UTF-8 text. What is too long is not read to its end.
 *
 * @throws ProxyError `too_large`, `timeout`, or `client_gone` when the sender breaks off
 */
export async function readBoundedText(request: Request, bounds: BodyBounds): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > bounds.limit) throw tooLarge(announced);
  if (!request.body) return "";
  const reader = request.body.getReader();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, bounds.deadline);
  try {
    const text = await readUpTo(reader, bounds.limit);
    if (late) throw new ProxyError("timeout", "Cannot wait longer for the body");
    return text;
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    throw new ProxyError("client_gone", "Cannot read the body", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function readUpTo(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.length;
    if (length > limit) {
      reader.cancel().catch(() => {});
      throw tooLarge(length);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function tooLarge(length: number): ProxyError {
  return new ProxyError("too_large", `Cannot accept so long a body: current value is ${length}`);
}
