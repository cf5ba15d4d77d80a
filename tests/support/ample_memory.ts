// Memory for clients in tests that are not about memory.

import { MemoryBudget } from "../../src/core/memory_budget.ts";

/** A budget that no test uses up by the way. */
export function ampleMemory(): MemoryBudget {
  return new MemoryBudget(() => ({
    perConnection: 262_144,
    perAddress: 33_554_432,
    total: 134_217_728,
  }));
}
