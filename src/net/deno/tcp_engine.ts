// TCP on Deno's own sockets, for systems and threads that cannot use the C library. See `TcpEngine`.

import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";
import { normalizeIp } from "../../core/endpoint.ts";
import { ProxyError } from "../../core/errors.ts";
import { bind } from "../bind.ts";
import { isClosedError, isOutOfResources } from "../close_errors.ts";
import type {
  Connection,
  DialOptions,
  Listener,
  ListenOptions,
  Pipe,
  PipeEnd,
  PipeParts,
  TcpEngine,
} from "../engine.ts";
import { TcpConnection } from "./tcp_connection.ts";

/** See `TcpEngine`. */
export class DenoTcpEngine implements TcpEngine {
  readonly kind = "deno";
  readonly namesClients = false;
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  listen(options: ListenOptions): Listener {
    return new DenoListener(options, this.clock);
  }

  async dial(address: Address, { timeout, gone }: DialOptions): Promise<Connection> {
    const late = new AbortController();
    const signal = gone === undefined ? late.signal : AbortSignal.any([late.signal, gone]);
    using _timer = this.clock.after(timeout, () => late.abort());
    try {
      const { host: hostname, port } = address;
      const conn = await Deno.connect({ hostname, port, signal });
      return new TcpConnection(conn, address, this.clock);
    } catch (cause) {
      if (gone?.aborted) throw new ProxyError("client_gone", "Client has left");
      if (late.signal.aborted) {
        throw new ProxyError("origin_timeout", "Origin does not answer", { cause });
      }
      if (isOutOfResources(cause)) {
        throw new ProxyError("overloaded", "Cannot open another connection now", { cause });
      }
      throw new ProxyError("origin_unreachable", "Origin refuses the connection", { cause });
    }
  }

  pipe(parts: PipeParts): Pipe {
    return new DenoPipe(parts);
  }
}

class DenoListener implements Listener {
  readonly address: Address;
  readonly #clock: Clock;
  readonly #listener: Deno.TcpListener;
  readonly #tls: ListenOptions["tls"];
  #closed = false;

  constructor({ name, listen, reusePort, tls }: ListenOptions, clock: Clock) {
    this.#clock = clock;
    this.#tls = tls;
    this.#listener = bind(name, listen, (where) => Deno.listen({ ...where, reusePort }));
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    this.address = { host: hostname, port };
  }

  async accept(): Promise<Connection | undefined> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
        const peer = { host: normalizeIp(hostname) ?? hostname, port };
        return new TcpConnection(conn, peer, this.#clock, this.#tls);
      } catch (error) {
        if (this.#closed) break;
        // The client left before it was accepted.
        const isClients = isClosedError(error) && !(error instanceof Deno.errors.BadResource);
        if (!isClients) throw error;
      }
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}

class DenoPipe implements Pipe {
  readonly #parts: PipeParts;
  readonly #to: TcpConnection;
  #isWriting = false;
  /** An insertion being written; nothing else may be written until it is done. */
  #between: Promise<unknown> | undefined;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    this.#to = parts.to as TcpConnection;
    const { owner } = parts;
    this.#run(parts.from as TcpConnection).then(
      (end) => owner.pipeEnded(end),
      (error) => owner.pipeFailed(error),
    );
  }

  insert(make: () => Uint8Array | undefined): boolean {
    if (this.#isWriting || this.#between !== undefined || this.#to.closed) return false;
    const bytes = make();
    if (bytes === undefined) return false;
    this.#between = this.#to.write(bytes).finally(() => this.#between = undefined);
    return true;
  }

  async #run(from: TcpConnection): Promise<PipeEnd> {
    const { inbox, transform } = this.#parts;
    inbox.shrink();
    try {
      while (true) {
        if (inbox.length > 0) await this.#pass();
        if (transform.isStopped) return "stopped";
        inbox.adapt();
        const count = await from.readOnce(inbox.empty());
        if (count === null) return "sender_closed";
        inbox.filled(count);
        from.bytesIn += count;
        from.active = true;
      }
    } catch (error) {
      if (!isClosedError(error)) throw error;
      return this.#isWriting ? "receiver_closed" : "sender_closed";
    } finally {
      this.#to.isWriting = false;
    }
  }

  async #pass(): Promise<void> {
    const { inbox, transform } = this.#parts;
    const to = this.#to;
    const { bytes } = inbox;
    inbox.consume(transform.push(bytes, 0, bytes.length));
    this.#isWriting = to.isWriting = true;
    if (this.#between !== undefined) await this.#between;
    for (const piece of transform.takePieces()) {
      for (let at = 0; at < piece.length;) {
        const count = await to.writeOnce(at === 0 ? piece : piece.subarray(at));
        at += count;
        to.bytesTaken += count;
        to.active = true;
      }
      to.bytesOut += piece.length;
    }
    this.#isWriting = to.isWriting = false;
  }
}
