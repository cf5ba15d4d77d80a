// The module of the thread that moves WebRTC media.

import { createHmac } from "node:crypto";
import { systemClock } from "../../core/clock.ts";
import { serveUdpThread } from "../../net/udp/serve_thread.ts";
import type { MediaCommand, MediaInit, MediaReport } from "./media_messages.ts";
import { MediaForwarder } from "./media_forwarder.ts";

serveUdpThread<MediaInit, MediaCommand, MediaReport>(systemClock, (parts) =>
  new MediaForwarder({
    ...parts,
    hmac: (key, head, rest) => createHmac("sha1", key).update(head).update(rest).digest(),
  }));
