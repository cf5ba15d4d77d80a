// Free loopback ports for programs that must be told their ports. They are taken from below the
// range that the system uses for outgoing connections, so that none of those can take a port before
// the program starts. Test files that run concurrently, in one process or in several, use separate
// ranges: listening on the first port of a range claims it.

const LOWEST = 13_000;
const RANGES = 38;
const RANGE_PORTS = 500;

const range = takeRange();
const tried = new Set<number>();

interface Range {
  readonly start: number;
  /** Held for as long as this test file runs. */
  readonly claim: Deno.Listener;
}

/** @throws Error when every range is claimed */
function takeRange(): Range {
  for (let at = 0; at < RANGES; at++) {
    const start = LOWEST + at * RANGE_PORTS;
    const claim = listen(start);
    if (claim === undefined) continue;
    claim.unref();
    return { start, claim };
  }
  throw new Error(`Every one of the ${RANGES} ranges of ports for tests is taken`);
}

/**
 * `count` different ports, free on 127.0.0.1 for TCP and UDP and not handed out before.
 *
 * @throws Error when this test file has used up its range
 */
export function freePorts(count: number): number[] {
  const ports: number[] = [];
  // Chosen at random, so that a port does not get packets still on their way to a program that has
  // just ended.
  while (ports.length < count) {
    if (tried.size === RANGE_PORTS - 1) throw new Error("No more ports for this test file");
    const port = range.start + 1 + Math.floor(Math.random() * (RANGE_PORTS - 1));
    if (tried.has(port)) continue;
    tried.add(port);
    if (isFree(port)) ports.push(port);
  }
  return ports;
}

/** One port as `freePorts` gives it. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** Whether nothing listens on a port of 127.0.0.1, neither with TCP nor with UDP. */
export function isFree(port: number): boolean {
  const listener = listen(port);
  listener?.close();
  if (listener === undefined) return false;
  try {
    Deno.listenDatagram({ hostname: "127.0.0.1", port, transport: "udp" }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

function listen(port: number): Deno.Listener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}
