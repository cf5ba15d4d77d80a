// A connection to one origin for a client's stream: dial, handshake, conversation. Does not know
// the registry; the session decides whom to dial.

import { blameOrigin, ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";
import { isMarked, ORIGIN_GREETING } from "./greeting.ts";
import { Inbox } from "../../net/inbox.ts";
import type { Connection, DialOptions, TcpEngine } from "../../net/engine.ts";
import { encodeEcho, HANDSHAKE_ANSWER, HANDSHAKE_GREETING } from "../../protocol/rtmp/handshake.ts";
import type { RtmpMessage } from "../../protocol/rtmp/message.ts";
import {
  type Decision,
  OriginConversation,
  type OriginScript,
} from "../../protocol/rtmp/origin_conversation.ts";

/** Size of the first read, in bytes: room for an origin's whole handshake. */
const ORIGIN_INBOX = 4096;
const BROKEN = "Origin breaks the RTMP protocol";

/** A connection to an origin that has completed the handshake and waits for commands. */
export class OriginLink implements Disposable {
  readonly origin: Origin;
  readonly connection: Connection;
  readonly inbox: Inbox;
  readonly #engine: TcpEngine;

  private constructor(engine: TcpEngine, origin: Origin, { connection, inbox }: Greeted) {
    this.#engine = engine;
    this.origin = origin;
    this.connection = connection;
    this.inbox = inbox;
  }

  /**
   * Dials one RTMP address of an origin and does the handshake.
   *
   * @param dial `timeout`: milliseconds for all of it
   * @throws ProxyError `origin_unreachable`, `origin_timeout` or `client_gone`
   */
  static async open(
    engine: TcpEngine,
    origin: Origin,
    address: Address,
    dial: Omit<DialOptions, "protocol">,
  ): Promise<OriginLink> {
    return new OriginLink(engine, origin, await greet(engine, address, dial));
  }

  /**
   * Runs the conversation until the origin has decided. A play command that stays unanswered counts
   * as accepted, because some origins answer only when the stream begins.
   *
   * @param timeout milliseconds
   * @param forClient receives the messages that are meant for the client
   * @throws ProxyError `origin_timeout`; `origin_gone`, also when it breaks the protocol
   */
  async converse(
    script: OriginScript,
    timeout: number,
    forClient: (messages: readonly RtmpMessage[]) => Promise<void>,
  ): Promise<Conversed> {
    const conversation = new OriginConversation(script);
    const { promise: late, resolve: giveUp } = Promise.withResolvers<"late">();
    using _deadline = this.#engine.clock.after(timeout, () => giveUp("late"));
    const say = async () => {
      const said = this.connection.write(conversation.takeOutput());
      if (await Promise.race([said, late]) === "late") throw silent();
    };
    while (conversation.decision === undefined) {
      await say();
      // The last read of the handshake may have brought some messages already.
      const read = this.inbox.length > 0 ? Promise.resolve(true) : this.inbox.fill(this.connection);
      const outcome = await Promise.race([read, late]);
      if (outcome === "late") {
        if (!conversation.wishSaid || script.wish.intent === "publish") {
          throw silent();
        }
        return { conversation, decision: { kind: "accepted" }, pendingRead: read };
      }
      if (!outcome) throw new ProxyError("origin_gone", "Origin has closed the connection");
      const { bytes } = this.inbox;
      this.inbox.consume(blameOrigin(BROKEN, () => conversation.push(bytes)));
      const messages = conversation.takeForClient();
      if (messages.length > 0) await forClient(messages);
    }
    await say();
    return { conversation, decision: conversation.decision };
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** A finished conversation. */
export interface Conversed {
  readonly conversation: OriginConversation;
  readonly decision: Decision;
  /** A read of the inbox that is still pending. */
  readonly pendingRead?: Promise<boolean>;
}

function silent(): ProxyError {
  return new ProxyError("origin_timeout", "Origin does not answer");
}

/** A connection after the handshake, with what the origin has sent since. */
type Greeted = Pick<OriginLink, "connection" | "inbox">;

async function greet(engine: TcpEngine, address: Address, dial: DialOptions): Promise<Greeted> {
  const { timeout, gone } = dial;
  const end = engine.clock.now() + timeout;
  const connection = await engine.dial(address, { ...dial, protocol: "rtmp" });
  using deadline = connection.closeAfter(end - engine.clock.now());
  const inbox = new Inbox(ORIGIN_INBOX);
  const leave = () => connection.close();
  gone?.addEventListener("abort", leave);
  try {
    await connection.write(ORIGIN_GREETING);
    if (!await inbox.require(connection, HANDSHAKE_ANSWER)) {
      if (gone?.aborted) throw new ProxyError("client_gone", "Client has left");
      throw deadline.passed
        ? silent()
        : new ProxyError("origin_unreachable", "Origin closes the connection");
    }
    if (isMarked(inbox.bytes)) {
      throw new ProxyError("origin_unreachable", "Cannot use a proxy as an origin");
    }
    const greeting = inbox.bytes.subarray(0, HANDSHAKE_GREETING);
    const echo = () => encodeEcho(greeting);
    await connection.write(blameOrigin("Origin does not speak RTMP", echo, "origin_unreachable"));
    inbox.consume(HANDSHAKE_ANSWER);
    return { connection, inbox };
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    gone?.removeEventListener("abort", leave);
  }
}
