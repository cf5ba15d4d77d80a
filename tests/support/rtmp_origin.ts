// An RTMP origin that takes every stream, or whatever else a test tells it: when it hears the first
// command, or before, it answers connect, createStream and the wish at once, and then says nothing more.

import { answerConnect, answerStatus, Script } from "./rtmp_script.ts";
import { join } from "./rtmp_wire.ts";
import { isOver } from "./scripted_http_origin.ts";

const GREETING = 1537;

/** How it goes on behind the handshake. */
export type OriginAnswers = (script: Script) => Script;

/** Takes a player as SRS does. */
export const TAKE_PLAYER: OriginAnswers = (script) => {
  return answerStatus(answerConnect(script).command(["_result", 2, null, 1]), PLAY_START);
};
/** Takes a publisher as SRS does. */
export const TAKE_PUBLISHER: OriginAnswers = (script) => {
  return answerStatus(answerConnect(script).command(["_result", 2, null, 1]), PUBLISH_START);
};
const PLAY_START = "NetStream.Play.Start";
const PUBLISH_START = "NetStream.Publish.Start";

/** A listening origin on loopback. */
export class RtmpOrigin implements AsyncDisposable {
  /** Connections so far. */
  dials = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;

  readonly #isEager: boolean;

  /**
   * @param answers what comes behind the handshake; nothing, and the end, when undefined
   * @param options `isEager`: whether it does not wait for the first command
   */
  constructor(answers: OriginAnswers | undefined, { isEager = false } = {}) {
    this.#isEager = isEager;
    this.#serving = this.#accept(answers);
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) closeOnce(connection);
    await this.#serving;
  }

  async #accept(answers: OriginAnswers | undefined): Promise<void> {
    const tasks: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        this.dials++;
        this.#connections.add(connection);
        tasks.push(
          this.#serve(connection, answers).catch(() => {}).finally(() => {
            this.#connections.delete(connection);
            try {
              connection.close();
            } catch { /* It was closed with all others. */ }
          }),
        );
      }
    } finally {
      await Promise.all(tasks);
    }
  }

  async #serve(connection: Deno.Conn, answers: OriginAnswers | undefined): Promise<void> {
    try {
      await this.#talk(connection, answers);
    } catch (error) {
      if (!isOver(error)) throw error;
    } finally {
      this.#connections.delete(connection);
      closeOnce(connection);
    }
  }

  async #talk(connection: Deno.Conn, answers: OriginAnswers | undefined): Promise<void> {
    const buffer = new Uint8Array(4096);
    let read = 0;
    while (read < GREETING) read += await connection.read(buffer) ?? Infinity;
    if (answers === undefined) return;
    const writer = connection.writable.getWriter();
    const handshake = Uint8Array.of(3, ...new Uint8Array(2 * (GREETING - 1)));
    const { bytes } = answers(new Script());
    if (this.#isEager) await writer.write(join([handshake, bytes]));
    else {
      await writer.write(handshake);
      while (read < 2 * GREETING) read += await connection.read(buffer) ?? Infinity;
      await writer.write(bytes);
    }
    while (await connection.read(buffer) !== null);
  }
}

function closeOnce(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}
