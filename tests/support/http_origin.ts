// A small HTTP origin over plain TCP, so that it can send what no HTTP library would: unusual
// heads, malformed bodies, live streams at any rate. It keeps its requests and counts its
// connections. Knows nothing about the proxy.

import { bytesOfText, textOfBytes } from "../../src/core/binary_text.ts";
import { FlvWriter, type Framing } from "./flv_body.ts";
import { pause } from "./wait.ts";

/** A request as received. */
export interface SeenRequest {
  /** The first line. */
  readonly start: string;
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly version: string;
  /** Names in lower case, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The whole head. */
  readonly text: string;
  /** As long as Content-Length says, one character per byte. */
  readonly body: string;
}

/** Answers one request; when it returns, the connection stays open unless it was closed. */
export type Answer = (exchange: OriginExchange) => Promise<unknown> | void;

const END_OF_HEAD = "\r\n\r\n";

/** A request and the origin's end of its connection. */
class OriginExchange {
  readonly request: SeenRequest;
  /** Resolves when the other side has ended the connection or it has been closed here. */
  readonly gone: Promise<void>;
  readonly #connection: Connection;

  constructor(request: SeenRequest, connection: Connection) {
    this.request = request;
    this.gone = connection.gone;
    this.#connection = connection;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /**
   * Writes everything, one byte per character of a text. @returns false when the other side is gone
   */
  write(data: string | Uint8Array): Promise<boolean> {
    return this.#connection.write(data);
  }

  close(): void {
    this.#connection.close();
  }
}

/** One accepted connection; one read is always pending, to notice when the peer leaves. */
class Connection {
  readonly gone: Promise<void>;
  isClosed = false;
  /** Called with the number of bytes written. */
  onWritten: (bytes: number) => void = () => {};
  readonly #conn: Deno.Conn;
  readonly #resolveGone: () => void;
  readonly #buffer = new Uint8Array(16384);
  #ahead: Promise<string | undefined>;
  #text = "";

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    this.#resolveGone = resolve;
    this.#ahead = this.#read();
  }

  /** The next request; undefined if there is none. */
  async next(): Promise<SeenRequest | undefined> {
    while (true) {
      const request = parseRequest(this.#text);
      if (request !== undefined) {
        this.#text = this.#text.slice(request.text.length + request.body.length);
        return request;
      }
      const text = await this.#ahead;
      if (text === undefined) return undefined;
      this.#text += text;
      this.#ahead = this.#read();
    }
  }

  async write(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? bytesOfText(data) : data;
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await this.#conn.write(bytes.subarray(at));
        this.onWritten(count);
        at += count;
      }
      return true;
    } catch {
      this.close();
      return false;
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#conn.close();
    this.#resolveGone();
  }

  /** Waits for the pending read; the connection must be closed. */
  async settle(): Promise<void> {
    await this.#ahead;
  }

  async #read(): Promise<string | undefined> {
    const count = await this.#conn.read(this.#buffer).catch(() => null);
    if (count !== null) return textOfBytes(this.#buffer.subarray(0, count));
    this.close();
    return undefined;
  }
}

/** The path that a proxy requests once from everything that registers. */
const PROXY_QUESTION = "/api/v1/versions";

/** A listening origin. It speaks only HTTP; its `rtmpPort` exists only to be registered. */
export class HttpOrigin implements AsyncDisposable {
  readonly name: string;
  readonly httpPort: number;
  readonly rtmpPort: number;
  /** All requests so far, except for PROXY_QUESTION. */
  readonly requests: SeenRequest[] = [];
  /** Number of connections so far that carried any of them. */
  taken = 0;
  readonly #listener: Deno.TcpListener;
  readonly #answerOf: (path: string) => Answer | undefined;
  readonly #connections = new Map<Connection, Promise<void>>();
  readonly #accepting: Promise<void>;
  readonly #written = new Map<string, number>();
  #closed = false;

  /**
   * @param answers by path, or a function of the path; other paths are answered with 404
   * @param name the name under which it is registered
   */
  constructor(
    answers: Readonly<Record<string, Answer>> | ((path: string) => Answer | undefined),
    { name = "http-origin", host: hostname = "127.0.0.1", port = 0 }: {
      readonly name?: string;
      readonly host?: string;
      readonly port?: number;
    } = {},
  ) {
    this.name = name;
    this.#answerOf = typeof answers === "function" ? answers : (path) => answers[path];
    this.#listener = Deno.listen({ hostname, port });
    this.httpPort = this.rtmpPort = (this.#listener.addr as Deno.NetAddr).port;
    this.#accepting = this.#accept();
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The open connections, to send something unsolicited on or to close. */
  get open(): readonly Connection[] {
    return [...this.#connections.keys()];
  }

  /** The value of a field in the latest request. */
  field(name: string): string | undefined {
    return this.requests.at(-1)?.fields.find(([one]) => one === name)?.[1];
  }

  /** Bytes written so far in answer to requests for a path, or in total. */
  written(path?: string): number {
    if (path !== undefined) return this.#written.get(path) ?? 0;
    return this.#written.values().reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Closes every connection and accepts no more, as when a process is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
    await this.#accepting;
    for (const connection of this.#connections.keys()) connection.close();
    await Promise.all(this.#connections.values());
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      conn.setNoDelay(true);
      const connection = new Connection(conn);
      const served = this.#serve(connection).finally(() => this.#connections.delete(connection));
      this.#connections.set(connection, served);
    }
  }

  async #serve(connection: Connection): Promise<void> {
    let isTaken = false;
    try {
      for (let request; (request = await connection.next()) !== undefined;) {
        if (request.target !== PROXY_QUESTION) {
          if (!isTaken) this.taken++;
          isTaken = true;
          this.requests.push(request);
        }
        const path = request.target.split("?", 1)[0]!;
        const answer = this.#answerOf(path) ?? NOT_FOUND;
        connection.onWritten = (bytes) => this.#written.set(path, this.written(path) + bytes);
        await answer(new OriginExchange(request, connection));
      }
    } finally {
      connection.close();
      await connection.settle();
    }
  }
}

/** The first request in the received text; undefined if it is incomplete. */
function parseRequest(received: string): SeenRequest | undefined {
  const end = received.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const text = received.slice(0, end + END_OF_HEAD.length);
  const [start = "", ...lines] = text.slice(0, end).split("\r\n");
  const [method = "", target = "", version = ""] = start.split(" ");
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const length = Number(fields.find(([name]) => name === "content-length")?.[1] ?? 0);
  const body = received.slice(text.length, text.length + length);
  if (body.length < length) return undefined;
  return { start, method, target, version, fields, text, body };
}

/** Answers with a status, these header lines and a body of known length; HEAD gets no body. */
export function says(status: string, body = "", ...lines: readonly string[]): Answer {
  const length = status.startsWith("304") ? [] : [`Content-Length: ${body.length}`];
  const head = [`HTTP/1.1 ${status}`, ...lines, ...length, "", ""].join("\r\n");
  return (exchange) => exchange.write(exchange.request.method === "HEAD" ? head : head + body);
}

/** Answers with a status, these fields and a body. */
export function whole(
  status: string,
  fields: Readonly<Record<string, string>> = {},
  body = "",
): Answer {
  return says(status, body, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`));
}

const NOT_FOUND = whole(
  "404 Not Found",
  { "Content-Type": "text/html" },
  "<h1>No such stream</h1>",
);

/** Sends these bytes as they are and closes the connection. */
export function verbatim(text: string): Answer {
  return async (exchange) => {
    await exchange.write(text);
    exchange.close();
  };
}

/** Never answers. */
export const silence: Answer = (exchange) => exchange.gone;

/** A live stream. */
export interface LiveOptions {
  readonly framing: Framing;
  /** Length of each tag in bytes, and milliseconds between tags: 0 = as fast as they are read. */
  readonly tagLength: number;
  readonly interval: number;
  /** Number of tags after which it ends properly; endless unless given. */
  readonly tags?: number;
}

/** Answers with an FLV body that `FlvChecker` can check. */
export function live(options: LiveOptions): Answer {
  const { framing, tagLength, interval, tags = Infinity } = options;
  return async (exchange) => {
    const fields = framing === "chunked"
      ? "Transfer-Encoding: chunked\r\n"
      : framing === "until_close"
      ? "Connection: close\r\n"
      : `Content-Length: ${framing}\r\n`;
    await exchange.write(`HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n${fields}\r\n`);
    if (exchange.request.method === "HEAD") return;
    const writer = new FlvWriter(tagLength, framing);
    let left = typeof framing === "number" ? framing : Infinity;
    const write = async (piece: Uint8Array) => {
      const part = piece.subarray(0, Math.min(left, piece.length));
      left -= part.length;
      return await exchange.write(part);
    };
    await write(writer.header);
    let due = performance.now();
    for (let count = 0; count < tags && left > 0 && await write(writer.next()); count++) {
      // A delayed stream continues from now, without catching up.
      const now = performance.now();
      due = Math.max(due + interval, now);
      if (interval > 0) await pause(due - now);
    }
    if (framing === "chunked") await exchange.write("0\r\n\r\n");
    if (framing === "until_close") exchange.close();
  };
}
