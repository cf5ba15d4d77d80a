// Free loopback ports for programs that have to be told their ports. They are taken from below the
// range in which the system picks the ports of outgoing connections, so that none of those can
// come between the choice and the start of the program.

const LOWEST = 15_000;
const HIGHEST = 32_000;
const handedOut = new Set<number>();

/** `count` different ports, free on 127.0.0.1 for TCP and UDP and not handed out before. */
export function freePorts(count: number): number[] {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (handedOut.has(port) || !isFree(port)) continue;
    handedOut.add(port);
    ports.push(port);
  }
  return ports;
}

/** One port as `freePorts` gives it. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** Whether nothing listens on a port of 127.0.0.1, neither with TCP nor with UDP. */
export function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    Deno.listenDatagram({ hostname: "127.0.0.1", port, transport: "udp" }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
