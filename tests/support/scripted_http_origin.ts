// An HTTP origin that says exactly what a test tells it to say, byte for byte, and remembers what it
// was asked. One answer for each request, over as many connections as the proxy opens.

/** One request as it came over the wire. */
export interface SeenRequest {
  /** The first line. */
  readonly start: string;
  /** Lines of the head, as they were sent. */
  readonly lines: readonly string[];
  /** As long as Content-Length says, one character for each byte. */
  readonly body: string;
  /** Number of the connection, from 1 on. */
  readonly connection: number;
}

/** Answers one request by writing to the connection. */
export type Answer = (connection: Deno.TcpConn, request: SeenRequest) => Promise<void> | void;

/** A listening origin; disposing of it closes everything. */
export class ScriptedHttpOrigin implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  /** Connections that are open now. */
  readonly open = new Set<Deno.TcpConn>();
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #answer: Answer;
  readonly #accepting: Promise<void>;
  readonly #serving = new Set<Promise<void>>();
  #connections = 0;

  constructor(answer: Answer) {
    this.#answer = answer;
    this.#accepting = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** How many connections there have been. */
  get connections(): number {
    return this.#connections;
  }

  /** The value of a field of the newest request. */
  field(name: string): string | undefined {
    const prefix = `${name.toLowerCase()}: `;
    const line = this.requests.at(-1)?.lines.find((one) => one.toLowerCase().startsWith(prefix));
    return line?.slice(prefix.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.open) close(connection);
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const serving = this.#serve(connection, ++this.#connections);
        this.#serving.add(serving);
        serving.finally(() => this.#serving.delete(serving));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #serve(connection: Deno.TcpConn, number: number): Promise<void> {
    this.open.add(connection);
    const decoder = new TextDecoder("latin1");
    const buffer = new Uint8Array(4096);
    let text = "";
    try {
      while (true) {
        const count = await connection.read(buffer);
        if (count === null) break;
        text += decoder.decode(buffer.subarray(0, count));
        for (let taken; (taken = takeRequest(text)) !== undefined; text = taken.rest) {
          const request = { ...taken.request, connection: number };
          this.requests.push(request);
          await this.#answer(connection, request);
        }
      }
    } catch (error) {
      if (!isOver(error)) throw error;
    } finally {
      this.open.delete(connection);
      close(connection);
    }
  }
}

/** The first request of a text, and what follows it; undefined when it is not all there. */
function takeRequest(
  text: string,
): { request: Omit<SeenRequest, "connection">; rest: string } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [start = "", ...lines] = text.slice(0, end).split("\r\n");
  const length = Number(/^content-length: (\d+)$/im.exec(lines.join("\n"))?.[1] ?? 0);
  const bodyEnd = end + 4 + length;
  if (text.length < bodyEnd) return undefined;
  return {
    request: { start, lines, body: text.slice(end + 4, bodyEnd) },
    rest: text.slice(bodyEnd),
  };
}

/** Writes all of a text, one byte for each character. */
export async function writeText(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Whether an error only says that the other side, or the test, has closed the connection. */
function isOver(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted;
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
