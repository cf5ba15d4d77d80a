// Joins a client to an origin that has decided: both directions continue where the conversations
// have stopped, or, for the client's, where the relay to a previous origin has stopped. Knows no
// socket.

import { ChunkRelay } from "./chunk_relay.ts";
import type { ClientConversation } from "./client_conversation.ts";
import type { OriginConversation } from "./origin_conversation.ts";

export interface JoinedRelays {
  readonly up: ChunkRelay;
  readonly down: ChunkRelay;
}

/**
 * @param clientChunkSize the chunk size that the client assumes for data from its origin
 * @param before the client's relay to an origin that it has left, which is reused
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
