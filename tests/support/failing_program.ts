// The program with an uncaught error once it is ready, when its standard error output is already
// full.

// Never finishes, because a pipe holds less and nobody reads it.
void Deno.stderr.write(new Uint8Array(1024 * 1024));
setTimeout(() => {
  throw new Error("on purpose");
}, 2_000);
await import("../../main.ts");
