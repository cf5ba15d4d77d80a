// The program with an error that nobody catches once it is ready, its standard error output full by then.

// Never ends: a pipe takes less, and nobody reads it.
void Deno.stderr.write(new Uint8Array(1024 * 1024));
setTimeout(() => {
  throw new Error("on purpose");
}, 2_000);
await import("../../main.ts");
