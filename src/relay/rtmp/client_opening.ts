// A client from its first byte to the stream it wants. What it sends until then is bounded in memory and time.

import type { MemoryHold } from "../../core/memory_budget.ts";
import type { Deadline } from "../../net/deadline.ts";
import type { Connection } from "../../net/engine.ts";
import type { Inbox } from "../../net/inbox.ts";
import { ClientConversation } from "../../protocol/rtmp/client_conversation.ts";
import {
  checkVersion,
  HANDSHAKE_BLOCK,
  HANDSHAKE_GREETING,
} from "../../protocol/rtmp/handshake.ts";
import type { MessageWriter } from "../../protocol/rtmp/message_writer.ts";
import type { RtmpDependencies } from "./dependencies.ts";
import { answerGreeting } from "./greeting.ts";

export interface Opening {
  readonly client: Connection;
  readonly inbox: Inbox;
  readonly memory: MemoryHold;
  readonly writer: MessageWriter;
  readonly deps: RtmpDependencies;
}

/** @returns whether that succeeded; what prevented it is counted. @throws MemoryLimitError */
export async function shakeHands({ client, inbox, deps }: Opening): Promise<boolean> {
  using deadline = client.closeAfter(deps.timeouts().handshake);
  if (!await inbox.require(client, 1)) return countEarlyEnd(deps, "handshake", deadline);
  try {
    checkVersion(inbox.bytes[0]!);
  } catch {
    deps.metrics.count("srs_proxy_rtmp_protocol_errors_total", { side: "client" });
    return false;
  }
  if (!await inbox.require(client, HANDSHAKE_GREETING)) {
    return countEarlyEnd(deps, "handshake", deadline);
  }
  await client.write(answerGreeting(inbox.bytes));
  inbox.consume(HANDSHAKE_GREETING);
  if (!await inbox.require(client, HANDSHAKE_BLOCK)) {
    return countEarlyEnd(deps, "handshake", deadline);
  }
  inbox.consume(HANDSHAKE_BLOCK);
  return true;
}

/**
 * Talks to the client until it has said what it wants.
 *
 * @returns the conversation, with a wish; undefined if the client has left or taken too long
 * @throws ProtocolError, MemoryLimitError
 */
export async function converse(
  { client, inbox, memory, writer, deps }: Opening,
): Promise<ClientConversation | undefined> {
  using deadline = client.closeAfter(deps.timeouts().identify);
  const conversation = new ClientConversation(writer, memory);
  while (true) {
    const taken = inbox.length > 0 ? conversation.push(inbox.bytes) : 0;
    inbox.consume(taken);
    await client.write(writer.take());
    if (conversation.wish !== undefined) return conversation;
    if (!await inbox.fill(client)) {
      countEarlyEnd(deps, "identify", deadline);
      return undefined;
    }
  }
}

function countEarlyEnd(
  { metrics }: RtmpDependencies,
  phase: "handshake" | "identify",
  deadline: Deadline,
): false {
  const reason = deadline.passed ? `${phase}_timeout` as const : `left_in_${phase}` as const;
  metrics.count("srs_proxy_rtmp_refused_total", { reason });
  return false;
}
