// A session log that ignores everything; a test replaces the functions it needs.

import type { RoamingSessionLog } from "../../src/core/contracts.ts";

export const NO_SESSION_LOG: RoamingSessionLog = {
  opened: () => {},
  moved: () => {},
  closed: () => {},
  flowed: () => {},
  served: () => {},
  refused: () => {},
};
