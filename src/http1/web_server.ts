// An HTTP server for handlers of web Requests with small bodies both ways: like Deno.serve, but no
// client can hold a connection without using it, and a client that leaves is noticed even if it has
// sent a body. Knows no routes. RFC 9112.

import type { MemoryBudget } from "../core/memory_budget.ts";
import type { Address } from "../core/address.ts";
import { textOfBytes } from "../core/binary_text.ts";
import type { TcpPortOptions } from "../net/tcp_server.ts";
import { ProtocolError } from "../core/errors.ts";
import { BodyScanner } from "../protocol/http/body_scanner.ts";
import { type HeadTimeouts, Http1Server, type HttpRefusal } from "./server.ts";
import type { Answer, HttpExchange } from "./exchange.ts";
import { webRequest } from "./web_request.ts";

/** Methods for which no web Request can be constructed, and which are not needed here. */
const IMPOSSIBLE: readonly string[] = ["TRACE", "TRACK"];
/** Bytes of the longest body of a request that may be a repetition. */
const LONGEST_REPEATED = 2_048;
const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");

export interface WebHandlerOptions {
  /** `stall`: how long a client may read nothing of its answer, milliseconds. */
  timeouts(): HeadTimeouts & { readonly stall: number };
  /**
   * Answers one request. The handler must limit how much of the body it reads; its answer is read
   * whole before it is sent, except for event streams. `isCertified` tells whether the peer has
   * shown a valid client certificate.
   */
  handle(
    request: Request,
    peer: Address,
    isCertified: boolean,
    verbatim?: string,
  ): Response | Promise<Response>;
  /**
   * Answers requests that repeat earlier ones, before there is a web Request, which costs more than
   * all the rest; undefined if `handle` is to answer. If it is given, `handle` is told the same
   * text.
   *
   * @param verbatim the whole request and who has sent it; the same text means the same request
   */
  repeat?: ((verbatim: string) => Promise<Answer | undefined>) | undefined;
  /** Called for connections and requests refused before `handle`. */
  onRefused(reason: HttpRefusal): void;
  /** Called with what `handle` throws; the client gets an empty 500. */
  onError(error: unknown): void;
}

export interface WebServerOptions extends WebHandlerOptions, TcpPortOptions {
  /** The name of the server in error messages, such as "HTTP API". */
  readonly name: string;
  readonly identifyMemory: MemoryBudget;
}

export class WebServer implements AsyncDisposable {
  readonly #server: Http1Server;
  readonly #handler: WebHandler;

  private constructor(options: WebServerOptions) {
    this.#handler = new WebHandler(options);
    this.#server = Http1Server.open({
      ...options,
      handle: (exchange) => this.#handler.serve(exchange),
    });
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: WebServerOptions): WebServer {
    return new WebServer(options);
  }

  get address(): Address {
    return this.#server.address;
  }

  /** Where it listens for TLS. */
  get secureAddress(): Address | undefined {
    return this.#server.secureAddress;
  }

  /** Rejects when the listener dies by itself. */
  get closed(): Promise<void> {
    return this.#server.closed;
  }

  /** Accepts no new connections or requests; running requests continue. */
  stop(): void {
    this.#server.stop();
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.stop();
    this.#handler[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Answers the requests of a port with a handler of web Requests; the port may be shared. */
export class WebHandler implements Disposable {
  readonly #options: WebHandlerOptions;
  readonly #open = new Set<HttpExchange>();

  constructor(options: WebHandlerOptions) {
    this.#options = options;
  }

  /** Closes the connections of all running requests. */
  [Symbol.dispose](): void {
    for (const exchange of this.#open) exchange.connection.close();
  }

  /** Answers one request completely. */
  async serve(exchange: HttpExchange): Promise<void> {
    if (IMPOSSIBLE.includes(exchange.request.method)) return await this.#refuseMethod(exchange);
    const verbatim = this.#options.repeat && wholeText(exchange);
    this.#open.add(exchange);
    try {
      if (verbatim === undefined || !await this.#repeat(exchange, verbatim)) {
        await this.#answer(exchange, verbatim);
      }
    } finally {
      this.#open.delete(exchange);
    }
  }

  /** @returns whether the request has been answered */
  async #repeat(exchange: HttpExchange, verbatim: string): Promise<boolean> {
    const answer = await this.#options.repeat!(verbatim);
    if (answer === undefined) return false;
    const { client, connection, request } = exchange;
    client.inbox.consume(Number(request.bodyLength));
    using _deadline = connection.closeAfter(this.#options.timeouts().stall);
    await exchange.answer(answer);
    return true;
  }

  async #answer(exchange: HttpExchange, verbatim: string | undefined): Promise<void> {
    const body = new RequestBody(exchange);
    const { connection } = exchange;
    const response = await this.#answerOf(exchange, body, verbatim);
    if (isEventStream(response)) return await this.#stream(exchange, response);
    const fields = [...response.headers].map(([name, value]) => ({ name, value }));
    const bytes = await response.bytes();
    const keepsLength = exchange.request.method === "HEAD" && bytes.length === 0;
    if (!body.isRead) exchange.keepAlive = false;
    using _deadline = connection.closeAfter(this.#options.timeouts().stall);
    await exchange.answer({
      status: response.status,
      fields: fields.filter(({ name }) => keepsLength || name !== "content-length"),
      body: bytes,
    });
  }

  /** Sends the answer piece by piece, for as long as the client reads. */
  async #stream(exchange: HttpExchange, { status, headers, body }: Response): Promise<void> {
    const { connection } = exchange;
    const fields = [...headers].map(([name, value]) => ({ name, value }));
    exchange.keepAlive = false;
    if (exchange.request.method === "HEAD" || !await exchange.begin(status, fields)) {
      await body?.cancel();
      return;
    }
    for await (const bytes of body ?? []) {
      using _deadline = connection.closeAfter(this.#options.timeouts().stall);
      if (!await connection.write(bytes)) break;
    }
  }

  async #refuseMethod(exchange: HttpExchange): Promise<void> {
    this.#options.onRefused("method");
    exchange.keepAlive = false;
    const allow = { name: "Allow", value: "GET, HEAD, POST, PATCH, DELETE, OPTIONS" };
    await exchange.answer({ status: 405, fields: [allow] });
  }

  async #answerOf(
    exchange: HttpExchange,
    body: RequestBody,
    verbatim: string | undefined,
  ): Promise<Response> {
    try {
      const { peer, isCertified } = exchange.connection;
      return await this.#options.handle(body.request, peer, isCertified, verbatim);
    } catch (error) {
      this.#options.onError(error);
      return new Response(null, { status: 500 });
    }
  }
}

/** Whether the response is an event stream, which lasts until the client leaves. */
function isEventStream(response: Response): boolean {
  return response.headers.get("content-type") === "text/event-stream";
}

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

/** The body of a request as a stream that reads from the connection on demand. */
class RequestBody {
  /** Aborted when the client has left before its answer. */
  readonly gone = new AbortController();
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly #exchange: HttpExchange;
  readonly #scanner: BodyScanner;
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  /** Whether the client sends its body only after 100 Continue. */
  #isWaitedFor = false;

  constructor(exchange: HttpExchange) {
    const { bodyLength } = exchange.request;
    this.#exchange = exchange;
    this.#scanner = new BodyScanner(bodyLength, (bytes) => this.#pieces.push(bytes.slice()));
    if (bodyLength === 0) {
      this.stream = null;
      this.#watch();
      return;
    }
    this.#isWaitedFor = exchange.request.fields.tokens("expect").includes("100-continue");
    const pull = (controller: Controller) => this.#pull(controller);
    this.stream = new ReadableStream({ pull }, { highWaterMark: 0 });
  }

  /** The request with this body. */
  get request(): Request {
    const { method } = this.#exchange.request;
    const hasBody = this.stream !== null && method !== "GET" && method !== "HEAD";
    const body = hasBody ? { body: this.stream } : {};
    return webRequest(this.#exchange, { signal: this.gone.signal, ...body });
  }

  /** Whether it has been read to its end, so that the next request can follow. */
  get isRead(): boolean {
    return this.#scanner.done;
  }

  async #pull(controller: Controller): Promise<void> {
    const { client } = this.#exchange;
    if (this.#isWaitedFor) await client.connection.write(CONTINUE);
    this.#isWaitedFor = false;
    while (this.#pieces.length === 0 && !this.#scanner.done) {
      if (client.inbox.length === 0 && !await client.more()) {
        throw new ProtocolError("Cannot read the whole body");
      }
      client.inbox.consume(this.#scanner.push(client.inbox.bytes));
    }
    for (const piece of this.#pieces.splice(0)) controller.enqueue(piece);
    if (!this.#scanner.done) return;
    controller.close();
    this.#watch();
  }

  #watch(): void {
    this.#exchange.client.watch(() => this.gone.abort());
  }
}

/** All that the request says and who has sent it, if it has a short body that has arrived whole. */
function wholeText({ request, client: { inbox }, connection }: HttpExchange): string | undefined {
  const { method, path, query, fields, bodyLength } = request;
  const isWhole = typeof bodyLength === "number" && bodyLength > 0 && bodyLength <= inbox.length;
  if (!isWhole || bodyLength > LONGEST_REPEATED) return undefined;
  const { peer, isCertified, isSecure } = connection;
  const lines = [peer.host, isSecure, isCertified, method, path, query];
  for (const { name, value } of fields) lines.push(name, value);
  return `${lines.join("\n")}\n\n${textOfBytes(inbox.bytes.subarray(0, bodyLength))}`;
}
