import assert from "node:assert/strict";
import { allocatorOf, openLibrary, SpareMemory } from "./spare_memory.ts";

const MB = 1024 * 1024;

/** An allocator that reports the numbers it is given. */
function paperAllocator(inUse: number) {
  const allocator = {
    inUse,
    trims: 0,
    bytesInUse: () => allocator.inUse,
    trim: () => void allocator.trims++,
  };
  return allocator;
}

Deno.test("memory is returned once when much has become free, whatever was in use in between", () => {
  const allocator = paperAllocator(100 * MB);
  const memory = new SpareMemory(allocator);
  const found: number[] = [];
  for (const inUse of [100, 300, 290, 250, 250, 219, 100, 99, 140, 107]) {
    allocator.inUse = inUse * MB;
    found.push(memory.look() / MB);
  }
  assert.deepEqual(found, [0, 0, 0, 50, 0, 0, 150, 0, 0, 33]);
  assert.equal(allocator.trims, 3);
});

Deno.test("small changes of memory in use have no effect", () => {
  const allocator = paperAllocator(100 * MB);
  const memory = new SpareMemory(allocator);
  for (let i = 0; i < 1000; i++) {
    allocator.inUse = (100 + 31 * (i % 2)) * MB;
    assert.equal(memory.look(), 0);
  }
  assert.equal(allocator.trims, 0);
});

function isThere(): boolean {
  const library = openLibrary();
  library?.close();
  return library !== undefined;
}

const MALLOC = {
  malloc: { parameters: ["usize"], result: "pointer" },
  memset: { parameters: ["pointer", "i32", "usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
} as const;

Deno.test({
  name: "the system gets back what is free between blocks that are in use",
  ignore: !isThere(),
  fn() {
    const library = openLibrary()!;
    const allocator = allocatorOf(library);
    const memory = new SpareMemory(allocator);
    const libc = Deno.dlopen("libc.so.6", MALLOC);
    const { malloc, memset, free } = libc.symbols;
    const before = allocator.bytesInUse();
    const blocks = Array.from({ length: 100_000 }, () => memset(malloc(1024n), 1, 1024n));
    assert.ok(allocator.bytesInUse() - before >= 100_000 * 1024);
    memory.look();
    blocks.forEach((block, i) => i % 50 === 0 || free(block));
    const kept = Deno.memoryUsage().rss;
    assert.ok(memory.look() > 60 * MB);
    assert.ok(kept - Deno.memoryUsage().rss > 40 * MB);
    blocks.forEach((block, i) => i % 50 === 0 && free(block));
    libc.close();
    library.close();
  },
});
