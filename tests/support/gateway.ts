// A TCP path to a server that the test can cut or delay. Does not look at what passes through.

/** A listener on a free loopback port that passes everything on to another port. */
export class Gateway implements AsyncDisposable {
  readonly #port: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>;
  readonly #pumps = new Set<Promise<void>>();
  #isCut = false;
  #delay = 0;

  /** @param port the server's port on 127.0.0.1 */
  constructor(port: number) {
    this.#port = port;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#running = this.#accept();
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: "127.0.0.1", port: this.#listener.addr.port };
  }

  /** Closes all connections, and every new one at once. */
  cut(): void {
    this.#isCut = true;
    this.#closeAll();
  }

  /** Accepts connections again. */
  mend(): void {
    this.#isCut = false;
  }

  /** Delays everything from the server by this many milliseconds from now on. */
  delay(milliseconds: number): void {
    this.#delay = milliseconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#isCut = true;
    this.#closeAll();
    await this.#running;
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#isCut) client.close();
      else this.#watch(this.#join(client));
    }
  }

  async #join(client: Deno.TcpConn): Promise<void> {
    this.#connections.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
      this.#connections.add(server);
      this.#watch(this.#pump(client, server, false));
      this.#watch(this.#pump(server, client, true));
    } catch {
      this.#close(client);
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, isReply: boolean): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    let written = Promise.resolve();
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        const bytes = buffer.slice(0, count);
        const delay = isReply ? this.#delay : 0;
        const due = delay > 0 ? new Promise<void>((go) => setTimeout(go, delay)) : undefined;
        written = written.then(() => due).then(() => writeAll(to, bytes));
        if (!due) await written;
      }
      await written;
    } catch {
      // One side has gone, so the other is closed too.
    }
    await written.catch(() => {});
    this.#close(from);
    this.#close(to);
  }

  #watch(work: Promise<void>): void {
    this.#pumps.add(work);
    work.finally(() => this.#pumps.delete(work));
  }

  #closeAll(): void {
    for (const connection of this.#connections) this.#close(connection);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#connections.delete(connection)) connection.close();
  }
}

async function writeAll(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await to.write(rest));
}
