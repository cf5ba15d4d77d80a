// A lane worker that fails when told to; replaces the real one.

import { serveLane } from "../../src/lane/serve_lane.ts";
import { stall } from "./endless_loop.ts";

const FAULTS: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error("on purpose");
  },
  reject: () => void Promise.reject(new Error("on purpose")),
  vanish: () => (globalThis as unknown as { close(): void }).close(),
  stall,
};

// Added before the lane's own listener, which would take it for a message from the main thread.
addEventListener("message", (event) => {
  const { fault } = (event as MessageEvent<{ fault?: string }>).data;
  if (fault === undefined) return;
  event.stopImmediatePropagation();
  FAULTS[fault]!();
});

serveLane();
