// A client that sends what it is given and shows what comes back, byte for byte.

import { isOver, writeText } from "./scripted_http_origin.ts";

/** One connection to a port on loopback. */
export class RawHttpClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  /** Everything received so far, one character for each byte. */
  text = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<RawHttpClient> {
    return new RawHttpClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  send(text: string): Promise<void> {
    return writeText(this.#connection, text);
  }

  /** Sends a GET with a Host; further lines as they are. */
  get(target: string, ...lines: readonly string[]): Promise<void> {
    return this.send([`GET ${target} HTTP/1.1`, "Host: tv.example", ...lines, "", ""].join("\r\n"));
  }

  /** Reads once. @returns false when the connection is over */
  async read(): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    try {
      const count = await this.#connection.read(buffer);
      if (count === null) return false;
      this.text += new TextDecoder("latin1").decode(buffer.subarray(0, count));
      return true;
    } catch (error) {
      if (isOver(error)) return false;
      throw error;
    }
  }

  /** Reads until the text ends so, or, without an argument, until the connection is over. */
  async until(end?: string): Promise<string> {
    while (end === undefined || !this.text.endsWith(end)) if (!await this.read()) break;
    return this.text;
  }

  /** What came behind the first empty line. */
  get body(): string {
    return this.text.slice(this.text.indexOf("\r\n\r\n") + 4);
  }

  /** The status code of the first answer. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1]);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch (error) {
      if (!isOver(error)) throw error;
    }
  }
}
