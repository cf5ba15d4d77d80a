// A UDP relay that loses some packets in both directions, the same ones for the same seed and the
// same packets.

import { randomNumbers } from "./random_text.ts";

/** How many packets in a thousand are lost. */
export interface LossyOptions {
  readonly to: number;
  readonly perMille: number;
  readonly seed: number;
  /** Called with every datagram received, in either direction. */
  readonly watch?: (datagram: Uint8Array) => void;
}

/** A running lossy relay on loopback. */
export class LossyUdp implements AsyncDisposable {
  /** Datagrams received, and how many of them were lost. */
  seen = 0;
  lost = 0;
  readonly #options: LossyOptions;
  readonly #front = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #links = new Map<number, Deno.DatagramConn>();
  readonly #loops: Promise<void>[] = [];
  readonly #random: (below: number) => number;

  constructor(options: LossyOptions) {
    this.#options = options;
    this.#random = randomNumbers(options.seed);
    this.#loops.push(this.#read(this.#front, (bytes, from) => this.#toOrigin(bytes, from)));
  }

  get port(): number {
    return (this.#front.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#front.close();
    for (const link of this.#links.values()) link.close();
    await Promise.all(this.#loops);
  }

  async #toOrigin(bytes: Uint8Array, from: Deno.NetAddr): Promise<void> {
    let link = this.#links.get(from.port);
    if (link === undefined) {
      link = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
      this.#links.set(from.port, link);
      this.#loops.push(this.#read(link, async (back) => void await this.#front.send(back, from)));
    }
    await link.send(bytes, { transport: "udp", hostname: "127.0.0.1", port: this.#options.to });
  }

  async #read(
    socket: Deno.DatagramConn,
    pass: (bytes: Uint8Array, from: Deno.NetAddr) => Promise<void>,
  ): Promise<void> {
    try {
      for await (const [bytes, from] of socket) {
        this.seen++;
        this.#options.watch?.(bytes);
        if (this.#random(1000) < this.#options.perMille) this.lost++;
        else await pass(bytes, from as Deno.NetAddr);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}
