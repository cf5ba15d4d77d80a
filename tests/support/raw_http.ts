// An HTTP client over a plain TCP connection: it sends what it is told, byte by byte if necessary,
// and shows what it receives, framing included. Every wait has a deadline. Knows nothing about the
// proxy.

import { bytesOfText, textOfBytes } from "../../src/core/binary_text.ts";
import { within } from "./wait.ts";

const DEADLINE = 10_000;

/** The head of a response. */
class RawHead {
  readonly status: number;
  readonly version: string;
  /** Names in lower case, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly text: string;

  constructor(text: string) {
    const match = /^(HTTP\/\d\.\d) (\d{3})[ \r]/.exec(text);
    if (match === null) throw new Error(`Cannot read a status line: current value is ${text}`);
    this.text = text;
    this.version = match[1]!;
    this.status = Number(match[2]);
    this.fields = text.trimEnd().split("\r\n").slice(1).map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
  }

  all(name: string): string[] {
    return this.fields.filter(([known]) => known === name).map(([, value]) => value);
  }

  get(name: string): string | undefined {
    return this.all(name)[0];
  }
}

/** A response; `complete` is false if the connection ended inside the body. */
export interface RawAnswer {
  readonly status: number;
  readonly head: RawHead;
  readonly body: string;
  readonly complete: boolean;
}

/** How a request differs from a plain GET. */
export interface RequestOptions {
  readonly method?: string;
  readonly version?: string;
  /** Value of the Host field; undefined omits it. */
  readonly host?: string | undefined;
  /** Additional header lines, without line breaks. */
  readonly lines?: readonly string[];
}

/** A request as text. */
export function requestText(target: string, options: RequestOptions = {}): string {
  const { method = "GET", version = "1.1", lines = [] } = options;
  const host = "host" in options ? options.host : "127.0.0.1";
  const all = [...(host === undefined ? [] : [`Host: ${host}`]), ...lines];
  return [`${method} ${target} HTTP/${version}`, ...all, "", ""].join("\r\n");
}

/** A connection. */
export class RawHttp implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(65536);
  #kept: Uint8Array = new Uint8Array();
  #ended = false;
  #closed = false;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  static async connect(port: number): Promise<RawHttp> {
    return new RawHttp(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends a request on a new connection and reads the whole answer. */
  static async ask(port: number, target: string, options: RequestOptions = {}): Promise<RawAnswer> {
    using client = await RawHttp.connect(port);
    return await client.ask(target, options);
  }

  /**
   * Sends these bytes, one per character of a text. @returns false when the other side has closed
   */
  async send(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? bytesOfText(data) : data;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      return true;
    } catch {
      return false;
    }
  }

  /** Sends a GET with a Host field and these additional header lines. */
  get(target: string, ...lines: readonly string[]): Promise<boolean> {
    return this.send(requestText(target, { host: "tv.example", lines }));
  }

  /** What has been received and not taken yet, one character per byte. */
  get text(): string {
    return textOfBytes(this.#kept);
  }

  /** The part of the text after the first empty line. */
  get body(): string {
    return this.text.slice(this.text.indexOf("\r\n\r\n") + 4);
  }

  /** The status code at its start. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1]);
  }

  /** Reads until the text ends with `end` or, without an argument, until the connection ends. */
  async until(end?: string): Promise<string> {
    while (end === undefined || !this.text.endsWith(end)) if (!await this.#fill()) break;
    return this.text;
  }

  /** Drops what has been received. */
  forget(): void {
    this.#kept = new Uint8Array();
  }

  /** Sends a request and reads the whole answer, which must end. */
  async ask(target: string, options: RequestOptions = {}): Promise<RawAnswer> {
    await this.send(requestText(target, options));
    return await this.answer(options.method);
  }

  /** Reads the whole answer to a request that has been sent. */
  async answer(method = "GET"): Promise<RawAnswer> {
    const head = await this.head();
    const body = new RawBody(this, head, method);
    const pieces: string[] = [];
    for (let piece; (piece = await body.next()) !== undefined;) pieces.push(textOfBytes(piece));
    return { status: head.status, head, body: pieces.join(""), complete: body.complete };
  }

  /** @throws Error when the connection ends before there is one */
  async head(): Promise<RawHead> {
    while (true) {
      const text = textOfBytes(this.#kept);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#kept = this.#kept.slice(end + 4);
        return new RawHead(text.slice(0, end + 4));
      }
      if (!await this.#fill()) throw new Error(`Cannot read a head: current value is "${text}"`);
    }
  }

  /** A line without its line break; undefined if the connection ends first. */
  async line(): Promise<string | undefined> {
    while (true) {
      const end = this.#kept.indexOf(10);
      if (end >= 0) {
        const line = textOfBytes(this.#kept.subarray(0, end));
        this.#kept = this.#kept.subarray(end + 1);
        return line.replace(/\r$/, "");
      }
      if (!await this.#fill()) return undefined;
    }
  }

  /** At least one byte and at most `count`; undefined at the end of the connection. */
  async some(count = Infinity): Promise<Uint8Array | undefined> {
    if (this.#kept.length === 0 && !await this.#fill()) return undefined;
    const bytes = this.#kept.subarray(0, Math.min(count, this.#kept.length));
    this.#kept = this.#kept.subarray(bytes.length);
    return bytes;
  }

  /** Everything up to the end of the connection, which must come within `timeout` milliseconds. */
  async untilEnd(timeout = DEADLINE): Promise<string> {
    const read = async () => {
      while (await this.#fill());
    };
    await within("the end of the connection", timeout, read());
    return textOfBytes(this.#kept);
  }

  /** Closes the sending half of the connection. */
  async finish(): Promise<void> {
    await this.#conn.closeWrite().catch(() => undefined);
  }

  close(): void {
    if (!this.#closed) this.#conn.close();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #fill(): Promise<boolean> {
    if (this.#ended) return false;
    const count = await within(
      "an answer",
      DEADLINE,
      this.#conn.read(this.#buffer).catch(() => null),
    );
    if (count === null) {
      this.#ended = true;
      return false;
    }
    const joined = new Uint8Array(this.#kept.length + count);
    joined.set(this.#kept);
    joined.set(this.#buffer.subarray(0, count), this.#kept.length);
    this.#kept = joined;
    return true;
  }
}

/** The body of a response, without framing, as it arrives. */
export class RawBody {
  /** Whether its end has been reached, by its framing. */
  complete = false;
  readonly #client: RawHttp;
  readonly #isChunked: boolean;
  #left: number;

  constructor(client: RawHttp, head: RawHead, method = "GET") {
    const { status } = head;
    const isBodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
    this.#client = client;
    this.#isChunked = !isBodiless && head.get("transfer-encoding") === "chunked";
    this.#left = isBodiless || this.#isChunked ? 0 : Number(head.get("content-length") ?? Infinity);
    this.complete = this.#left === 0 && !this.#isChunked;
  }

  /** @returns undefined at the end of the body or the connection */
  async next(): Promise<Uint8Array | undefined> {
    if (this.complete) return undefined;
    if (this.#isChunked && this.#left === 0) {
      if (!await this.#nextChunk()) return undefined;
    }
    const bytes = await this.#client.some(this.#left);
    if (bytes === undefined) {
      this.complete = this.#left === Infinity;
      return undefined;
    }
    this.#left -= bytes.length;
    if (this.#left > 0) return bytes;
    if (this.#isChunked) await this.#client.line();
    else this.complete = true;
    return bytes;
  }

  /** Reads until `count` bytes of the body have arrived. @throws Error when it ends first */
  async atLeast(count: number, take: (bytes: Uint8Array) => void): Promise<void> {
    for (let seen = 0; seen < count;) {
      const bytes = await this.next();
      if (bytes === undefined) {
        throw new Error(`Cannot read on: the body ended after ${seen} bytes`);
      }
      take(bytes);
      seen += bytes.length;
    }
  }

  async #nextChunk(): Promise<boolean> {
    const line = await this.#client.line();
    if (line === undefined) return false;
    this.#left = parseInt(line, 16);
    if (!(this.#left >= 0)) throw new Error(`Cannot read a chunk size: current value is ${line}`);
    if (this.#left > 0) return true;
    for (let trailer; (trailer = await this.#client.line()) !== "";) {
      if (trailer === undefined) return false;
    }
    this.complete = true;
    return false;
  }
}
