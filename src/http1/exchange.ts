// One request on a connection, and ways to answer it: with a whole body, from a web Response, or by
// a relay that writes to the connection itself. RFC 9112.

import type { ProxyError } from "../core/errors.ts";
import { joinPieces } from "../core/join_pieces.ts";
import { encodeHead, type Field } from "../protocol/http/head.ts";
import { reasonPhrase } from "../protocol/http/reason_phrases.ts";
import type { HttpRequest } from "../protocol/http/request.ts";
import type { Connection } from "../net/engine.ts";
import type { HttpClient } from "./client.ts";

/** Longest body that is copied after its head, bytes. */
const SMALL_BODY = 16 * 1024;

export interface Answer {
  readonly status: number;
  readonly fields: readonly Field[];
  /** Must not be changed until it has been written. */
  readonly body?: Uint8Array;
  /** The reason phrase, if not the usual one for the status. */
  readonly reason?: string;
}

export class HttpExchange {
  readonly request: HttpRequest;
  readonly client: HttpClient;
  /** Whether the connection stays open for another request after this one. */
  keepAlive: boolean;
  /** Whether the answer has begun, so that an error can only end the connection. */
  begun = false;

  constructor(request: HttpRequest, client: HttpClient) {
    this.request = request;
    this.client = client;
    this.keepAlive = request.keepAlive;
  }

  get connection(): Connection {
    return this.client.connection;
  }

  /** Sends a whole answer, with Content-Length and Connection added. */
  async answer({ status, fields, body, reason }: Answer): Promise<void> {
    const size = body?.length ?? 0;
    const isHead = this.request.method === "HEAD";
    // The length of the answer to GET is unknown if HEAD has no body to measure.
    const isUnknown = status === 204 || status === 304 || (isHead && size === 0);
    const length = { name: "Content-Length", value: String(size) };
    const head = this.#head(status, isUnknown ? fields : [...fields, length], reason);
    if (body === undefined || isHead) return void await this.#write(head);
    // One packet, and one wake-up of the client, instead of two.
    if (size <= SMALL_BODY) {
      return void await this.#write(joinPieces([head, body], head.length + size));
    }
    if (await this.#write(head)) await this.#write(body);
  }

  /** Answers with a short error text that names no origin. */
  answerError(error: ProxyError, fields: readonly Field[] = [], reason = ""): Promise<void> {
    return this.answer({
      reason,
      status: error.httpStatus,
      fields: [...fields, { name: "Content-Type", value: "text/plain; charset=utf-8" }],
      body: new TextEncoder().encode(`${error.message}\n`),
    });
  }

  /** Answers with a web Response, streaming its body, with or without a length. */
  async answerWith(response: Response): Promise<void> {
    const fields = [...response.headers].map(([name, value]) => ({ name, value }));
    const hasLength = response.headers.has("content-length");
    const isHead = this.request.method === "HEAD";
    if (response.body === null || isHead) {
      await response.body?.cancel();
      await (hasLength ? this.begin(response.status, fields) : this.answer({
        status: response.status,
        fields,
      }));
      return;
    }
    if (!hasLength) this.keepAlive = false;
    let open = await this.begin(response.status, fields);
    for await (const bytes of response.body) {
      open &&= await this.connection.write(bytes);
      if (!open) break;
    }
    if (!open) this.keepAlive = false;
  }

  /**
   * Writes the head of an answer, with Connection and Date added.
   *
   * @returns false when the client is gone
   */
  begin(status: number, fields: readonly Field[], reason = ""): Promise<boolean> {
    return this.#write(this.#head(status, fields, reason));
  }

  #head(status: number, fields: readonly Field[], reason = ""): Uint8Array {
    this.begun = true;
    const own = [
      ...(fields.some(({ name }) => name.toLowerCase() === "date")
        ? []
        : [{ name: "Date", value: new Date().toUTCString() }]),
      { name: "Connection", value: this.keepAlive ? "keep-alive" : "close" },
    ];
    const start = `HTTP/1.1 ${status} ${reason || reasonPhrase(status)}`;
    return encodeHead(start, [...fields, ...own]);
  }

  /** @returns false when the client is gone */
  async #write(bytes: Uint8Array): Promise<boolean> {
    const isWritten = await this.connection.write(bytes);
    if (!isWritten) this.keepAlive = false;
    return isWritten;
  }

  /** Answers a request that could not be parsed. */
  static async refuse(connection: Connection, error: ProxyError): Promise<void> {
    const fields = [
      { name: "Content-Type", value: "text/plain; charset=utf-8" },
      { name: "Content-Length", value: String(error.message.length + 1) },
      { name: "Connection", value: "close" },
    ];
    const start = `HTTP/1.1 ${error.httpStatus} ${reasonPhrase(error.httpStatus)}`;
    await connection.write(encodeHead(start, fields));
    await connection.write(new TextEncoder().encode(`${error.message}\n`));
  }
}
