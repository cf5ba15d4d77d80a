// What the program is allowed to do, in one place: started from source, compiled and tested it has
// the same permissions. docs/operations.md explains each. Knows no command line but Deno's.

/** The permission flags of `deno run` and `deno compile`. */
export const PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-sys=networkInterfaces",
  "--allow-ffi",
];
