// A crowd of RTMP clients from one address, as large as the port allows.

/** Clients that connect one after the other and send only a greeting. */
export class RtmpCrowd implements Disposable {
  readonly #port: number;
  readonly #connections = new Set<Deno.TcpConn>();
  #refused = 0;

  constructor(port: number) {
    this.#port = port;
  }

  get size(): number {
    return this.#connections.size;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Connects more clients, and waits after each until it is answered or disconnected. */
  async grow(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
      await connection.write(Uint8Array.of(3, ...new Uint8Array(1536))).catch(() => {});
      const answer = await connection.read(new Uint8Array(4096)).catch(() => null);
      if (answer === null) {
        this.#refused++;
        connection.close();
      } else {
        this.#connections.add(connection);
        this.#follow(connection);
      }
    }
  }

  /** Disconnects `count` clients. */
  shrink(count: number): void {
    for (const connection of [...this.#connections].slice(0, count)) connection.close();
  }

  async #follow(connection: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(4096);
    const read = () => connection.read(buffer).catch(() => null);
    while (await read() !== null);
    this.#connections.delete(connection);
    try {
      connection.close();
    } catch {
      // It has been closed here.
    }
  }

  [Symbol.dispose](): void {
    this.shrink(Infinity);
  }
}
