// A log of sessions that nobody reads; a test that does replaces what it looks at.

import type { SessionLog } from "../../src/core/contracts.ts";

export const NO_SESSION_LOG: SessionLog = {
  opened: () => {},
  closed: () => {},
  flowed: () => {},
  served: () => {},
  refused: () => {},
};
