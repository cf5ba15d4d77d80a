// Moves the bytes of one direction from a connection through a ChunkRelay to another. This is the
// packet path: no registry, no log, no timer.

import { isClosedError } from "../../net/close_errors.ts";
import type { Inbox } from "../../net/inbox.ts";
import type { Connection } from "../../net/engine.ts";
import type { ChunkRelay } from "../../protocol/rtmp/chunk_relay.ts";

/** One direction of a relayed connection. */
export interface Flow {
  readonly from: Connection;
  readonly to: Connection;
  readonly inbox: Inbox;
  readonly relay: ChunkRelay;
  /** A read of the inbox that is under way already when pumping begins. */
  pendingRead: Promise<boolean> | undefined;
  /** Whether pieces are being written, so that nothing may come between them. */
  isWriting: boolean;
  /** A short write between two pieces that is under way; nothing may come into it. */
  between?: Promise<unknown> | undefined;
}

/** Why a flow came to rest. */
export type Rest = "sender_closed" | "receiver_closed" | "wish";

/**
 * Pumps until one side is over or the client wishes for a stream; then `relay.wish` tells which,
 * and pumping again goes on behind it.
 *
 * @throws ProtocolError when the sender breaks the chunk stream
 */
export async function pump(flow: Flow): Promise<Rest> {
  const { from, to, inbox, relay, pendingRead } = flow;
  flow.pendingRead = undefined;
  if (pendingRead === undefined) inbox.shrink();
  else if (!await pendingRead) return "sender_closed";
  try {
    while (true) {
      if (inbox.length > 0) inbox.consume(relay.push(inbox.bytes));
      flow.isWriting = true;
      if (flow.between !== undefined) await flow.between;
      to.isWriting = true;
      for (const piece of relay.takePieces()) {
        for (let at = 0; at < piece.length;) {
          const count = await to.writeOnce(at === 0 ? piece : piece.subarray(at));
          at += count;
          to.bytesTaken += count;
        }
        to.bytesOut += piece.length;
      }
      flow.isWriting = to.isWriting = false;
      if (relay.wish !== undefined) return "wish";
      inbox.adapt();
      const count = await from.readOnce(inbox.empty());
      if (count === null) return "sender_closed";
      inbox.filled(count);
      from.bytesIn += count;
    }
  } catch (error) {
    if (!isClosedError(error)) throw error;
    return flow.isWriting ? "receiver_closed" : "sender_closed";
  }
}
