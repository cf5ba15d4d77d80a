// Gives memory back to the system after a rush of clients (malloc_trim(3), mallinfo(3)). The C library's
// allocator, which the runtime uses, keeps whatever lies below memory still in use; so a process that
// needs 130 MB would stay at 280 MB. Knows nothing of clients.

import type { Clock } from "../core/clock.ts";
import { logger } from "../core/log.ts";

const LOG = logger("app");

const SIZE = "usize";
/** `struct mallinfo2`, of which only the bytes in use matter here. */
const MALLINFO2 = { struct: [SIZE, SIZE, SIZE, SIZE, SIZE, SIZE, SIZE, SIZE, SIZE, SIZE] } as const;
const UORDBLKS = 7;

const SYMBOLS = {
  mallinfo2: { parameters: [], result: MALLINFO2 },
  malloc_trim: { parameters: [SIZE], result: "i32" },
} as const;

/** Milliseconds between two measurements. */
const PERIOD = 30_000;
/** Bytes that must be free for trimming to pay off; it takes about a third of a millisecond per MB. */
const WORTH_IT = 32 * 1024 * 1024;

/** The calls, as `Deno.dlopen` makes them. */
export interface Allocator {
  /** Bytes in use now, of those that the allocator manages. */
  bytesInUse(): number;
  /** Returns free memory to the system. */
  trim(): void;
}

/** Tracks the peak of memory in use since memory was last returned. */
export class SpareMemory {
  readonly #allocator: Allocator;
  #most: number;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
    this.#most = allocator.bytesInUse();
  }

  /** Returns free memory if there is much. @returns the bytes that have become free since the peak, or 0 */
  look(): number {
    const inUse = this.#allocator.bytesInUse();
    const freed = this.#most - inUse;
    if (freed < WORTH_IT) {
      this.#most = Math.max(this.#most, inUse);
      return 0;
    }
    this.#allocator.trim();
    this.#most = inUse;
    return freed;
  }
}

/**
 * Checks every half minute until it is disposed of. Undefined where the C library is not GNU's, is too
 * old, or may not be called.
 */
export function giveSpareMemoryBack(clock: Clock): Disposable | undefined {
  const library = openLibrary();
  if (library === undefined) return undefined;
  const memory = new SpareMemory(allocatorOf(library));
  const timer = clock.every(PERIOD, () => {
    const freed = memory.look();
    if (freed > 0) LOG.debug("Memory given back to the system", { freed });
  });
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      library.close();
    },
  };
}

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Undefined where there is no such library. */
export function openLibrary(): Library | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return undefined;
  }
}

/** The allocator of this process. */
export function allocatorOf({ symbols }: Library): Allocator {
  return {
    bytesInUse() {
      const { buffer, byteOffset } = symbols.mallinfo2();
      return Number(new DataView(buffer, byteOffset).getBigUint64(UORDBLKS * 8, true));
    },
    trim: () => void symbols.malloc_trim(0n),
  };
}
