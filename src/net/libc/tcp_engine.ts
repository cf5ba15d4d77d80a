// TCP on Linux through the C library: one loop in one thread. See `TcpEngine`.

import { ProxyError } from "../../core/errors.ts";
import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";
import { isOutOfResources } from "../close_errors.ts";
import type {
  Connection,
  DialOptions,
  Listener,
  ListenOptions,
  Pipe,
  PipeParts,
  TcpEngine,
} from "../engine.ts";
import * as c from "../udp/libc.ts";
import { takeError } from "../udp/libc_socket.ts";
import type { EventLoop } from "./event_loop.ts";
import { LibcConnection } from "./tcp_connection.ts";
import { dialError, LibcListener, startConnecting, systemError } from "./tcp_listener.ts";
import { LibcPipe, PipeMemory } from "./tcp_pipe.ts";

/** See `TcpEngine`. Works only while the loop runs. */
export class LibcTcpEngine implements TcpEngine {
  readonly kind = "libc";
  readonly namesClients = false;
  readonly clock: Clock;
  readonly #loop: EventLoop;
  readonly #memory = new PipeMemory();

  /** @param clock the loop's, unless a better one is given */
  constructor(loop: EventLoop, clock: Clock = loop.clock) {
    this.#loop = loop;
    this.clock = clock;
  }

  listen(options: ListenOptions): Listener {
    return new LibcListener(this.#surroundings, options);
  }

  async dial(address: Address, { timeout, gone }: DialOptions): Promise<Connection> {
    if (gone?.aborted) throw clientGone();
    try {
      const { fd, isConnected } = startConnecting(this.#loop, address);
      if (!isConnected) await this.#connected(fd, timeout, gone);
      const refuse = () => systemError("epoll_ctl", c.ENOMEM);
      return new LibcConnection(this.#surroundings, { fd, peer: address, refuse });
    } catch (error) {
      if (error instanceof ProxyError) throw error;
      throw dialError(error, isOutOfResources(error));
    }
  }

  pipe(parts: PipeParts): Pipe {
    return new LibcPipe(parts, this.#loop, this.#memory);
  }

  get #surroundings() {
    return { loop: this.#loop, clock: this.clock };
  }

  /** Waits until a socket is connected; closes it when that fails. */
  async #connected(fd: number, timeout: number, gone: AbortSignal | undefined): Promise<void> {
    const loop = this.#loop;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => reject(clientGone());
    using _deadline = this.clock.after(timeout, () => {
      reject(new ProxyError("origin_timeout", "Origin does not answer"));
    });
    gone?.addEventListener("abort", leave);
    const ready = () => {
      loop.announce();
      const errno = takeError(loop.libc, fd);
      if (errno === 0) resolve();
      else reject(systemError("connect", errno));
    };
    try {
      if (!loop.watch(fd, { ready }, c.EPOLLOUT)) throw systemError("epoll_ctl", c.ENOMEM);
      await promise;
      loop.unwatch(fd);
    } catch (error) {
      loop.unwatch(fd);
      loop.libc.close(fd);
      throw error;
    } finally {
      gone?.removeEventListener("abort", leave);
    }
  }
}

function clientGone(): ProxyError {
  return new ProxyError("client_gone", "Client has left");
}
