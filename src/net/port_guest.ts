// Another protocol at a port, told apart by the first bytes of a connection. Knows none of the two.

import type { Connection } from "./engine.ts";

/** More than any guest needs to know its own. */
const BEGINNING = 16;

/** What is spoken at a port beside what it is for. */
export interface PortGuest {
  /** Whether a connection that begins so is its own; undefined while it may be. */
  recognizes(bytes: Uint8Array): boolean | undefined;
  /** Takes a connection over from its first byte. */
  take(connection: Connection): void;
}

/**
 * Finds out whose a connection is; what was read for that will be read again. One that ends while it
 * looks like the guest's is the guest's, and one that says nothing is not.
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
