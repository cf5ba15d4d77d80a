// Passes the body of an origin's response to a client, framing included, so that only the end of
// the body has to be found. RFC 9112 sections 6 and 7.

import type { OriginConnection } from "../../http1/origin_pool.ts";
import { ProtocolError } from "../../core/errors.ts";
import type { Connection, PipeEnd, PipeOwner, TcpEngine, Transform } from "../../net/engine.ts";
import { BodyScanner } from "../../protocol/http/body_scanner.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";

export type PumpEnd = "complete" | "client_gone" | "origin_gone" | "origin_protocol_error";

export interface BodyWay {
  readonly link: OriginConnection;
  readonly bodyLength: HttpResponse["bodyLength"];
  readonly client: Connection;
  /** Whether to remove chunked encoding, for a client that does not understand it. */
  readonly unframe: boolean;
}

const NOTHING = new Uint8Array();

export class BodyPump implements Transform, PipeOwner {
  readonly #way: BodyWay;
  readonly #scanner: BodyScanner;
  readonly #ended = Promise.withResolvers<PumpEnd>();
  /** The data without chunk frames; used with `unframe`. */
  #pieces: Uint8Array[] = [];
  #bytes: Uint8Array = NOTHING;
  #start = 0;
  /** Index up to which the bytes of the last push belong to the body. */
  #end = 0;

  constructor(way: BodyWay) {
    this.#way = way;
    const { bodyLength } = way;
    this.#scanner = way.unframe
      ? new BodyScanner(bodyLength, (bytes) => this.#pieces.push(bytes))
      : new BodyScanner(bodyLength);
  }

  /** Whether sending a last chunk now would end the body properly. */
  get canEnd(): boolean {
    const { unframe, client } = this.#way;
    return !unframe && this.#scanner.isBetweenChunks && !client.isWriting;
  }

  /** Whether the body is complete. */
  get isStopped(): boolean {
    return this.#scanner.done;
  }

  push(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = start + this.#scanner.push(bytes, start, end);
    return this.#end;
  }

  get untouched(): number {
    return this.#way.unframe ? -1 : this.#end;
  }

  takePieces(): readonly Uint8Array[] {
    if (!this.#way.unframe) return [this.#bytes.subarray(this.#start, this.#end)];
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** Runs until the body ends or either side has gone. Closes neither connection. */
  run(engine: TcpEngine): Promise<PumpEnd> {
    const { client: to, link: { connection: from, inbox } } = this.#way;
    engine.pipe({ from, to, inbox, transform: this, owner: this });
    return this.#ended.promise;
  }

  pipeEnded(end: PipeEnd): void {
    this.#ended.resolve(this.#endOf(end));
  }

  pipeFailed(error: unknown): void {
    if (error instanceof ProtocolError) this.#ended.resolve("origin_protocol_error");
    else this.#ended.reject(error);
  }

  #endOf(end: PipeEnd): PumpEnd {
    if (end === "stopped") return "complete";
    if (end === "receiver_closed") return "client_gone";
    return this.#scanner.untilClose ? "complete" : "origin_gone";
  }
}
