// What the signalling exchanges share.

import type { TaskGroup } from "../../net/task_group.ts";
import type { Advertiser } from "./advertiser.ts";
import type { OriginApi } from "./origin_api.ts";
import type { SignalingDependencies } from "./dependencies.ts";
import type { OpenSessions } from "./open_sessions.ts";

/** Shared by all requests. */
export interface SignalingServices {
  readonly deps: SignalingDependencies;
  readonly api: OriginApi;
  readonly sessions: OpenSessions;
  readonly advertiser: Advertiser;
  /** Work that outlives its request. */
  readonly tasks: TaskGroup;
}
