// Joins a client to an origin that has decided: both directions go on where the conversations have
// stopped, the client's perhaps where another origin has left off. Knows no socket.

import { ChunkRelay } from "./chunk_relay.ts";
import type { ClientConversation } from "./client_conversation.ts";
import type { OriginConversation } from "./origin_conversation.ts";

/** Both directions of a client and its origin. */
export interface JoinedRelays {
  readonly up: ChunkRelay;
  readonly down: ChunkRelay;
}

/**
 * @param clientChunkSize what the client takes the chunk size of its origin to be
 * @param before the client's relay towards an origin that it has left; it is used again
 */
export function joinRelays(
  client: ClientConversation,
  { scanner, streamIds, assembler }: OriginConversation,
  clientChunkSize: number,
  before?: ChunkRelay,
): JoinedRelays {
  scanner.isFirstSender = before === undefined;
  const down = new ChunkRelay("to_client", scanner, streamIds, clientChunkSize);
  down.adopt(assembler);
  if (before !== undefined) {
    before.retarget(streamIds);
    return { up: before, down };
  }
  const up = new ChunkRelay("to_origin", client.scanner, streamIds);
  up.adopt(client.assembler);
  return { up, down };
}
