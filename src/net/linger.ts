// Ending a connection in order, the same in every engine: FIN first, then what comes is read and
// thrown away until the peer ends it too, so that it gets all that was written (RFC 1122 section
// 4.2.2.13 says what happens otherwise).

import type { Connection } from "./engine.ts";

/** Most that is read and thrown away of a peer that goes on talking while it is being closed. */
const MAX_LINGER_BYTES = 1 << 20;
/** What all connections that are being closed read into: nobody looks at it. */
const THROWN_AWAY = new Uint8Array(4096);

/** How a connection is let go. */
export interface Linger {
  /** Milliseconds after which it is closed, whatever the peer does. */
  readonly milliseconds: number;
  /** A read that is under way; it is awaited before the next. */
  readonly reader: Promise<unknown> | undefined;
  /** Sends FIN. */
  readonly closeWrite: () => void | Promise<void>;
}

/** Ends a connection in order, or in the end without. */
export async function letGo(connection: Connection, linger: Linger): Promise<void> {
  const { milliseconds, reader, closeWrite } = linger;
  using _deadline = connection.closeAfter(milliseconds);
  try {
    await closeWrite();
    await reader;
    const limit = connection.bytesIn + MAX_LINGER_BYTES;
    while (connection.bytesIn < limit && (await connection.read(THROWN_AWAY)) !== null);
  } finally {
    connection.close();
  }
}
