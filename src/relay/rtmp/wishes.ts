// Which stream a client's publish or play names.

import { ProxyError } from "../../core/errors.ts";
import { streamKeyFromRtmp } from "../../core/stream_key.ts";
import type { ClientConversation } from "../../protocol/rtmp/client_conversation.ts";
import type { StreamCommand } from "../../protocol/rtmp/command.ts";

/** What is kept of a wish while its stream is relayed. */
export type WishOutline = Pick<StreamCommand, "intent" | "name"> & { readonly streamId: number };

export function outlineOf({ intent, name, message: { streamId } }: StreamCommand): WishOutline {
  return { intent, name, streamId };
}

/** The key of the stream that a wish names. @throws ProxyError when it names none */
export function keyOf({ connect }: ClientConversation, { name: stream }: StreamCommand): string {
  return streamKeyFromRtmp({ ...connect, stream }).key;
}

/** A wish without a valid key counts as another stream: it is refused when it is served. */
export function isForStream(
  stream: string,
  conversation: ClientConversation,
  wish: StreamCommand,
): boolean {
  try {
    return keyOf(conversation, wish) === stream;
  } catch (error) {
    if (error instanceof ProxyError) return false;
    throw error;
  }
}
