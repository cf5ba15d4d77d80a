// What the signalling exchanges share.

import type { TaskGroup } from "../../net/task_group.ts";
import type { Advertiser } from "./advertiser.ts";
import type { OriginApi } from "./origin_api.ts";
import type { SignalingPorts } from "./ports.ts";
import type { OpenSessions } from "./open_sessions.ts";

/** One of each for all requests. */
export interface SignalingServices {
  readonly ports: SignalingPorts;
  readonly api: OriginApi;
  readonly sessions: OpenSessions;
  readonly advertiser: Advertiser;
  /** Work that outlives the request it is for. */
  readonly tasks: TaskGroup;
}
