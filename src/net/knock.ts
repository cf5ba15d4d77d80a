// Tells whether anybody answers at an address: connects, sends something, waits for one byte. Knows no
// protocol.

import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import type { TcpEngine } from "./engine.ts";

/**
 * Whether the program at that address shows a sign of life: it sends something, or closes a connection
 * that it has accepted. When this machine has no resources left to connect with, that proves nothing
 * against the other one, so it counts as a sign of life too.
 *
 * @param greeting what to send; not changed
 * @param timeout milliseconds for all of it
 */
export async function knock(
  engine: TcpEngine,
  address: Address,
  greeting: Uint8Array,
  timeout: number,
): Promise<boolean> {
  const end = engine.clock.now() + timeout;
  try {
    using connection = await engine.dial(address, { timeout });
    using deadline = connection.closeAfter(end - engine.clock.now());
    await connection.write(greeting);
    await connection.read(new Uint8Array(1));
    return !deadline.passed;
  } catch (error) {
    if (error instanceof ProxyError) return error.code === "overloaded";
    throw error;
  }
}
