// The random block with which this process greets clients and origins. One for all connections: it
// only has to differ from the peer's own, "Adobe RTMP Specification 1.0", section 5.2.3.

import { encodeGreeting } from "../../protocol/rtmp/handshake.ts";

/** C0 and C1 or S0 and S1 of this process; not to be changed. */
export const GREETING: Uint8Array = encodeGreeting((block) => crypto.getRandomValues(block));
