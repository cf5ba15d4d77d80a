// A UDP socket of a client or origin on loopback. All waits have a deadline.

import { within } from "./wait.ts";

const DEADLINE = 10_000;

/** A datagram and where it came from. */
export interface ReceivedDatagram {
  readonly bytes: number[];
  readonly port: number;
}

/** An open socket; received datagrams are kept in order. */
export class UdpPeer implements AsyncDisposable {
  readonly host: string;
  readonly #socket: Deno.DatagramConn;
  readonly #received: ReceivedDatagram[] = [];
  readonly #reading: Promise<void>;
  #wake: () => void = () => {};

  constructor(host = "127.0.0.1", port = 0) {
    this.host = host;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: host, port });
    this.#reading = this.#read();
  }

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  /** Datagrams received and not taken yet. */
  get waiting(): number {
    return this.#received.length;
  }

  /** Sends to a port of its own address. */
  async send(bytes: Uint8Array, port: number): Promise<void> {
    await this.sendTo(bytes, this.host, port);
  }

  async sendTo(bytes: Uint8Array, hostname: string, port: number): Promise<void> {
    await this.#socket.send(bytes, { transport: "udp", hostname, port });
  }

  /**
   * Waits for the next datagram. @param timeout milliseconds @throws Error when none arrives in
   * time
   */
  async next(timeout = DEADLINE): Promise<ReceivedDatagram> {
    while (this.#received.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within("a datagram", timeout, promise);
    }
    return this.#received.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#socket.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      for await (const [bytes, from] of this.#socket) {
        this.#received.push({ bytes: [...bytes], port: (from as Deno.NetAddr).port });
        this.#wake();
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}
