// A second protocol on a port, told apart by the first bytes of a connection. Knows neither protocol.

import type { Connection } from "./engine.ts";

/** More bytes than any guest needs to recognize its protocol. */
const BEGINNING = 16;

export interface PortGuest {
  /** Whether a connection that begins like this is the guest's; undefined while it cannot tell. */
  recognizes(bytes: Uint8Array): boolean | undefined;
  /** Takes over a connection from its first byte. */
  take(connection: Connection): void;
}

/**
 * Finds out whether a connection is the guest's; the bytes read for that will be read again. One that
 * ends while it looks like the guest's is the guest's; one that sends nothing is not.
 */
export async function isGuest(connection: Connection, guest: PortGuest): Promise<boolean> {
  const bytes = new Uint8Array(BEGINNING);
  let length = 0;
  let found: boolean | undefined;
  while ((found = guest.recognizes(bytes.subarray(0, length))) === undefined) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) {
      found = length > 0;
      break;
    }
    length += count;
  }
  connection.unread(bytes.subarray(0, length));
  return found;
}
