// A lane that fails when it is told to, in place of the real one's worker.

import { serveLane } from "../../src/lane/serve_lane.ts";

const FAULTS: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error("on purpose");
  },
  reject: () => void Promise.reject(new Error("on purpose")),
  vanish: () => (globalThis as unknown as { close(): void }).close(),
  stall: () => {
    while (true);
  },
};

// Before the lane's own listener, which would take it for a message of the main thread.
addEventListener("message", (event) => {
  const { fault } = (event as MessageEvent<{ fault?: string }>).data;
  if (fault === undefined) return;
  event.stopImmediatePropagation();
  FAULTS[fault]!();
});

serveLane();
