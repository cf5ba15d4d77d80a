// Moves the body of an origin's response to a client as the bytes arrive, framing included, so that
// only the end of the body has to be found. This is the packet path: no registry, no log, no timer.
// RFC 9112 sections 6 and 7.

import { ProtocolError } from "../../core/errors.ts";
import { isClosedError } from "../../net/close_errors.ts";
import type { TcpConnection } from "../../net/tcp_connection.ts";
import { BodyScanner } from "../../protocol/http/body_scanner.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import type { OriginConnection } from "../../http1/origin_pool.ts";

/** How a pump ended. */
export type PumpEnd = "complete" | "client_gone" | "origin_gone" | "origin_protocol_error";

export class BodyPump {
  /** Whether bytes wait for the client to take them. */
  isWriting = false;
  readonly #link: OriginConnection;
  readonly #client: TcpConnection;
  readonly #scanner: BodyScanner;
  readonly #data: Uint8Array[] = [];
  readonly #unframe: boolean;

  /** @param unframe whether the client takes no chunked encoding and gets the bare data */
  constructor(
    link: OriginConnection,
    response: HttpResponse,
    client: TcpConnection,
    unframe: boolean,
  ) {
    this.#link = link;
    this.#client = client;
    this.#unframe = unframe;
    this.#scanner = unframe
      ? new BodyScanner(response.bodyLength, (bytes) => this.#data.push(bytes))
      : new BodyScanner(response.bodyLength);
  }

  /** Whether the body could be ended in order by its last chunk now. */
  get canEnd(): boolean {
    return !this.#unframe && this.#scanner.isBetweenChunks && !this.isWriting;
  }

  /** Pumps until the body ends or a side is gone; closes neither of them. */
  async run(): Promise<PumpEnd> {
    const { inbox, connection: origin } = this.#link;
    try {
      while (true) {
        if (inbox.length > 0) await this.#pass();
        if (this.#scanner.done) return "complete";
        inbox.adapt();
        const count = await origin.readOnce(inbox.empty());
        if (count === null) return this.#scanner.untilClose ? "complete" : "origin_gone";
        inbox.filled(count);
        origin.bytesIn += count;
        origin.active = true;
      }
    } catch (error) {
      if (error instanceof ProtocolError) return "origin_protocol_error";
      if (!isClosedError(error)) throw error;
      return this.isWriting ? "client_gone" : "origin_gone";
    }
  }

  async #pass(): Promise<void> {
    const { inbox } = this.#link;
    const { bytes } = inbox;
    const count = this.#scanner.push(bytes);
    inbox.consume(count);
    this.isWriting = this.#client.isWriting = true;
    if (!this.#unframe) await this.#write(bytes.subarray(0, count));
    for (const data of this.#data.splice(0)) await this.#write(data);
    this.isWriting = this.#client.isWriting = false;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const client = this.#client;
    for (let at = 0; at < bytes.length;) {
      const count = await client.writeOnce(at === 0 ? bytes : bytes.subarray(at));
      at += count;
      client.bytesTaken += count;
      client.active = true;
    }
    client.bytesOut += bytes.length;
  }
}
