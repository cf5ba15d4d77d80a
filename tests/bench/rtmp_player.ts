// A player that costs almost nothing: it sends connect, createStream and play and then waits.

import { systemClock } from "../../src/core/clock.ts";
import { ByteWriter } from "../../src/core/byte_writer.ts";
import { TcpConnection } from "../../src/net/deno/tcp_connection.ts";
import { ChunkScanner, type ChunkVisitor } from "../../src/protocol/rtmp/chunk_scanner.ts";
import type { Amf0Value } from "../../src/protocol/rtmp/amf0.ts";
import { encodeCommand } from "../../src/protocol/rtmp/command.ts";
import { encodeEcho, encodeGreeting } from "../../src/protocol/rtmp/handshake.ts";
import { MessageType, writeMessage } from "../../src/protocol/rtmp/message.ts";
import { isMedia } from "../../src/protocol/rtmp/message_assembler.ts";
import { Inbox } from "../../src/net/inbox.ts";

export interface PlayerOptions {
  /** Whether `open` returns at the first audio or video instead of at the answer to play. */
  readonly untilMedia?: boolean;
}

/** A connection that plays a stream and no longer reads. */
export class IdlePlayer implements Disposable {
  readonly #connection: TcpConnection;

  private constructor(connection: TcpConnection) {
    this.#connection = connection;
  }

  static async open(
    port: number,
    stream: string,
    options: PlayerOptions = {},
  ): Promise<IdlePlayer> {
    const peer = { host: "127.0.0.1", port };
    const conn = await Deno.connect({ hostname: peer.host, port });
    conn.setNoDelay(true);
    const connection = new TcpConnection(conn, peer, systemClock);
    const inbox = new Inbox();
    await connection.write(encodeGreeting((block) => crypto.getRandomValues(block)));
    await inbox.require(connection, 3073);
    await connection.write(encodeEcho(inbox.bytes));
    inbox.consume(3073);
    await connection.write(opening(port, stream));
    const answer = new AnswerWatch(options.untilMedia ?? false);
    const scanner = new ChunkScanner();
    while (!answer.seen) {
      if (inbox.length > 0) inbox.consume(scanner.push(inbox.bytes, 0, answer));
      if (!answer.seen && !await inbox.fill(connection)) throw new Error("The player was cut off");
    }
    return new IdlePlayer(connection);
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

class AnswerWatch implements ChunkVisitor {
  seen = false;
  readonly #untilMedia: boolean;

  constructor(untilMedia: boolean) {
    this.#untilMedia = untilMedia;
  }

  onHeader(stream: { type: number; streamId: number }, _format: number, first: boolean): void {
    const isAnswer = stream.type === MessageType.commandAmf0 && stream.streamId !== 0;
    if (first && (this.#untilMedia ? isMedia(stream.type) : isAnswer)) this.seen = true;
  }

  onPayload(): void {}

  onChunkEnd(): boolean {
    return this.seen;
  }
}

function opening(port: number, stream: string): Uint8Array {
  const out = new ByteWriter();
  const say = (streamId: number, ...values: readonly Amf0Value[]) =>
    writeMessage(out, {
      chunkStream: 3,
      timestamp: 0,
      type: MessageType.commandAmf0,
      streamId,
      body: encodeCommand(...values),
    }, 128);
  say(0, "connect", 1, { app: "live", tcUrl: `rtmp://127.0.0.1:${port}/live`, flashVer: "bench" });
  say(0, "createStream", 2, null);
  say(1, "play", 3, null, stream, -2000);
  return out.finish();
}
