// The memory store fulfils the contract of stores, and registries on it that of registries.

import { MemoryStore } from "../../src/registry/memory_store.ts";
import { registryContract } from "./registry_contract.ts";
import { storeContract } from "./store_contract.ts";
import type { StoreBounds, StoreHarness } from "./store_harness.ts";

function openMemory(bounds: StoreBounds): Promise<StoreHarness> {
  let now = 0;
  const store = new MemoryStore({ ...bounds, now: () => now });
  return Promise.resolve({
    stores: [store, store],
    pass: (milliseconds) => {
      now += milliseconds;
      return Promise.resolve();
    },
    settle: () => {
      now += 2;
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  });
}

storeContract("memory", openMemory);
registryContract("memory", openMemory);
