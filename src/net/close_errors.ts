// What Deno's errors mean when a connection ends, in one place: no other file looks at the error
// classes of sockets.

/** Whether an error says only that the connection is over, on our side or the peer's. */
export function isClosedError(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.TimedOut ||
    isUnreachable(error);
}

/**
 * Whether an error says that this process or machine has no descriptor, port or memory left for
 * another socket. That is not the peer's fault, and it passes.
 */
export function isOutOfResources(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === "string") return RESOURCES.has(code);
  // Some errors keep nothing but the text: EMFILE, ENFILE, ENOMEM, ENOBUFS.
  return /\(os error (?:24|23|12|105)\)/.test(String(error));
}

const RESOURCES: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "ENOBUFS",
  "EADDRNOTAVAIL",
]);

function isUnreachable(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "ENOTCONN" ||
    code === "ECONNRESET" || code === "EPIPE";
}
