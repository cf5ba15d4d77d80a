// An SRT origin that accepts every caller at once and otherwise sends nothing. Its answers follow
// draft-sharabayko-srt-01; it reads from a handshake only where to send them.

import { srtHandshake } from "./srt_packets.ts";

const HANDSHAKE = 64;

/** An origin on loopback that accepts everybody. */
export class OpenSrtOrigin implements AsyncDisposable {
  /** Callers accepted, and packets received other than handshakes. */
  accepted = 0;
  packets = 0;
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #answering = this.#answer();

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#answering;
  }

  async #answer(): Promise<void> {
    try {
      for await (const [bytes, from] of this.#socket) {
        const answer = this.#take(bytes);
        if (answer !== undefined) await this.#socket.send(answer, from);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  #take(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < HANDSHAKE || bytes[0] !== 0x80 || bytes[1] !== 0) {
      this.packets++;
      return undefined;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const destination = view.getInt32(40);
    if (view.getInt32(36) === 1) {
      return srtHandshake({ type: 1, extensionField: 0x4a17, socketId: 1, cookie: 9, destination });
    }
    const socketId = 1 + this.accepted++;
    return srtHandshake({ type: -1, extensionField: 1, socketId, destination });
  }
}
