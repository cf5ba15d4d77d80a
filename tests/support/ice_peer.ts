// A client of ICE over TCP, on loopback, with framing written from RFC 4571, independently of the
// program's own reader. All waits have a deadline.

import { stunRequest } from "./stun_message.ts";
import { within } from "./wait.ts";

const DEADLINE = 10_000;

/** A datagram preceded by its length. */
export function framed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes.length + 2);
  new DataView(whole.buffer).setUint16(0, bytes.length);
  whole.set(bytes, 2);
  return whole;
}

export class IcePeer implements Disposable {
  readonly port: number;
  readonly #conn: Deno.TcpConn;
  #unread = new Uint8Array();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.port = conn.localAddr.port;
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<IcePeer> {
    return new IcePeer(await Deno.connect({ hostname: host, port }));
  }

  /** Sends bytes without framing. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Sends a datagram. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.write(framed(bytes));
  }

  /**
   * Sends a request for a session of `MediaWorld`, with the right password unless another is given.
   */
  async check(name: string, password = name + name): Promise<void> {
    await this.send(stunRequest({ user: `${name}:me`, password }));
  }

  /** The next datagram. @throws Error when none comes in time */
  async next(): Promise<number[]> {
    const whole = await within("a frame", DEADLINE, this.#readFrame());
    if (whole === undefined) throw new Error("Cannot read a frame: the connection is over");
    return whole;
  }

  /**
   * Resolves when the other side has closed it. @throws Error when it sends something first, or
   * does not close in time
   */
  async closed(): Promise<void> {
    const buffer = new Uint8Array(1);
    const read = this.#conn.read(buffer).catch(() => null);
    const count = await within("the end of a connection", DEADLINE, read);
    if (count !== null) throw new Error("Cannot see the end: something has been said");
  }

  close(): void {
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #readFrame(): Promise<number[] | undefined> {
    while (true) {
      const length = this.#unread.length < 2
        ? Infinity
        : (this.#unread[0]! << 8) | this.#unread[1]!;
      if (this.#unread.length >= length + 2) {
        const datagram = [...this.#unread.subarray(2, length + 2)];
        this.#unread = this.#unread.slice(length + 2);
        return datagram;
      }
      const buffer = new Uint8Array(65_536);
      const count = await this.#conn.read(buffer);
      if (count === null) return undefined;
      const both = new Uint8Array(this.#unread.length + count);
      both.set(this.#unread);
      both.set(buffer.subarray(0, count), this.#unread.length);
      this.#unread = both;
    }
  }
}
