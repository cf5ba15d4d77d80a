// A session log that ignores everything; a test replaces the functions it needs.

import type { SessionLog } from "../../src/core/contracts.ts";

export const NO_SESSION_LOG: SessionLog = {
  opened: () => {},
  closed: () => {},
  flowed: () => {},
  served: () => {},
  refused: () => {},
};
