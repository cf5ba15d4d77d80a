// Ends a connection in order, the same in every engine: sends FIN, then reads and discards what comes
// until the peer ends it too, so that the peer gets all that was written (see RFC 1122 section 4.2.2.13
// for what happens otherwise).

import type { Connection } from "./engine.ts";

/** Limit on what is discarded, for a peer that keeps sending. */
const MAX_LINGER_BYTES = 1 << 20;
/** Where all discarded bytes are read to. */
const THROWN_AWAY = new Uint8Array(4096);

export interface Linger {
  /** Milliseconds after which it is closed, whatever the peer does. */
  readonly milliseconds: number;
  /** A read in progress; it is awaited before the next. */
  readonly reader: Promise<unknown> | undefined;
  readonly closeWrite: () => void | Promise<void>;
}

/** Ends a connection in order, or by force after the deadline. */
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
