// What the program is allowed to do and how its runtime is set, in one place: started from source,
// compiled and tested it has the same. docs/operations.md explains it. Knows no command line but Deno's.

/** The permission flags of `deno run` and `deno compile`. */
export const PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-sys=networkInterfaces",
  "--allow-ffi",
];

/**
 * What V8 is told in every thread: to collect early and to keep little in reserve. An idle client takes
 * half of the memory or less, a relayed byte costs the same, a new stream a fifth more. And that a lane
 * may ask it to collect what starting has left.
 */
export const V8_FLAGS = "--v8-flags=--optimize-for-size,--expose-gc";
