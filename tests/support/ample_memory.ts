// Memory for clients in tests that are not about memory.

import { MemoryBudget } from "../../src/core/memory_budget.ts";

/** A budget too large to be used up by accident. */
export function ampleMemory(): MemoryBudget {
  return new MemoryBudget(() => ({
    perConnection: 262_144,
    perAddress: 33_554_432,
    total: 134_217_728,
  }));
}
