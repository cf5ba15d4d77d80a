// The blocks with which this process greets clients and origins. The plain one is the same for all
// connections: it only has to differ from the peer's own, "Adobe RTMP Specification 1.0", section
// 5.2.3.

import { createHmac } from "node:crypto";
import { encodeAnswer, encodeGreeting } from "../../protocol/rtmp/handshake.ts";

/** C0 and C1 or S0 and S1 of this process; not to be changed. */
export const GREETING: Uint8Array = encodeGreeting((block) => crypto.getRandomValues(block));

/**
 * S0, S1 and S2 for a client.
 *
 * @throws ProtocolError when it does not speak plain RTMP
 */
export function answerGreeting(greeting: Uint8Array): Uint8Array {
  return encodeAnswer(greeting, {
    greeting: GREETING,
    random: (block) => crypto.getRandomValues(block),
    hmac: (key, ...data) => {
      const hmac = createHmac("sha256", key);
      for (const one of data) hmac.update(one);
      return hmac.digest();
    },
  });
}
