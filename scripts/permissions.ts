// The program's permissions and runtime flags, in one place, so that they are the same when it runs
// from source, compiled and in tests. docs/operations.md explains them.

/** The permission flags of `deno run` and `deno compile`. */
export const PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-sys=networkInterfaces",
  "--allow-ffi",
];

/**
 * V8 flags for every thread. `--optimize-for-size` collects early and keeps little in reserve: an
 * idle client takes half the memory or less, a relayed byte costs the same, a new stream a fifth
 * more. `--expose-gc` lets a lane collect what its start has left.
 */
export const V8_FLAGS = "--v8-flags=--optimize-for-size,--expose-gc";
