// The module of the thread that moves SRT.

import { createHash, randomBytes } from "node:crypto";
import { systemClock } from "../../core/clock.ts";
import { serveUdpThread } from "../../net/udp/serve_thread.ts";
import { Cookies } from "./cookies.ts";
import { SrtForwarder } from "./srt_forwarder.ts";
import type { SrtCommand, SrtInit, SrtReport } from "./srt_messages.ts";

serveUdpThread<SrtInit, SrtCommand, SrtReport>(systemClock, (parts) => {
  const secret = parts.init.cookieSecret || randomBytes(32);
  const key = createHash("sha256").update(secret).digest().subarray(0, 16);
  return new SrtForwarder({ ...parts, cookies: new Cookies(key), wallTime: Date.now });
});
