// A listening TCP port of the libc engine, and how TCP sockets are opened through the C library.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import { bind } from "../bind.ts";
import type { Listener, ListenOptions } from "../engine.ts";
import * as c from "../udp/libc.ts";
import { RAW_ADDRESS } from "../udp/port.ts";
import { fromRawAddress, isIpv4, toRawAddress } from "../udp/raw_address.ts";
import { readSockaddr, sockaddrLength, writeSockaddr } from "../udp/sockaddr.ts";
import type { EventLoop, Watched } from "./event_loop.ts";
import { LibcConnection, type LoopSurroundings } from "./tcp_connection.ts";

/** Connections that may wait to be accepted, within the system's limit. */
const BACKLOG = 4096;
/**
 * Keep-alive: seconds of silence before the first probe, seconds between probes, and how many may stay
 * unanswered before the peer counts as gone. The system's default is to wait for two hours.
 */
const KEEP_IDLE = 60;
const KEEP_INTERVAL = 15;
const KEEP_COUNT = 4;
/** Meanings of common error numbers (errno(3)). */
const MEANINGS: Readonly<Record<number, string>> = {
  23: "Too many open files in system",
  24: "Too many open files",
  101: "Network is unreachable",
  104: "Connection reset by peer",
  110: "Connection timed out",
  111: "Connection refused",
  113: "No route to host",
};
/** Errors that concern one client: it left before it was accepted, or a filter rejected it (accept(2)). */
const ACCEPT_AGAIN: readonly number[] = [1, 4, 64, 71, 92, 93, 95, 100, 101, 103, 112, 113];

/** See `Listener`. */
export class LibcListener implements Listener, Watched {
  readonly address: Address;
  readonly #surroundings: LoopSurroundings;
  readonly #loop: EventLoop;
  readonly #tls: ListenOptions["tls"];
  readonly #fd: number;
  readonly #name = new Uint8Array(c.SOCKADDR_SIZE);
  readonly #nameLength = new Int32Array(1);
  readonly #nameLengthBytes = new Uint8Array(this.#nameLength.buffer);
  readonly #raw = new Uint8Array(RAW_ADDRESS);
  #waiting: PromiseWithResolvers<LibcConnection | undefined> | undefined;
  #isWatching = false;
  #closed = false;

  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  constructor(surroundings: LoopSurroundings, { name, listen, reusePort, tls }: ListenOptions) {
    const { loop } = surroundings;
    this.#surroundings = surroundings;
    this.#tls = tls;
    this.#loop = loop;
    const { fd, address } = bind(name, listen, ({ hostname, port }) => {
      return openListening(loop, { host: hostname, port }, reusePort);
    });
    this.#fd = fd;
    this.address = address;
  }

  async accept(): Promise<LibcConnection | undefined> {
    if (this.#closed) return undefined;
    const connection = this.#take();
    if (connection !== undefined) return connection;
    this.#waiting = Promise.withResolvers();
    this.#watch();
    return await this.#waiting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loop.unwatch(this.#fd);
    this.#loop.libc.close(this.#fd);
    this.#waiting?.resolve(undefined);
    this.#loop.announce();
  }

  ready(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#unwatch();
    this.#loop.announce();
    try {
      const connection = this.#take();
      if (connection === undefined) return;
      this.#waiting = undefined;
      waiting.resolve(connection);
    } catch (error) {
      this.#waiting = undefined;
      waiting.reject(error);
    }
  }

  /** @returns undefined when no connection is waiting */
  #take(): LibcConnection | undefined {
    const flags = c.SOCK_NONBLOCK | c.SOCK_CLOEXEC;
    this.#nameLength[0] = this.#name.length;
    const { libc } = this.#loop;
    const fd = libc.accept4(this.#fd, this.#name, this.#nameLengthBytes, flags);
    if (fd < 0) {
      const { errno } = this.#loop;
      if (errno === c.EAGAIN || ACCEPT_AGAIN.includes(errno)) return undefined;
      throw systemError("accept4", errno);
    }
    readSockaddr(this.#name, 0, this.#raw);
    const refuse = () => systemError("epoll_ctl", c.ENOMEM);
    const peer = fromRawAddress(this.#raw);
    return new LibcConnection(this.#surroundings, { fd, peer, tls: this.#tls, refuse });
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = this.#loop.watch(this.#fd, this, c.EPOLLIN);
    if (!this.#isWatching) this.#waiting?.reject(systemError("epoll_ctl", c.ENOMEM));
  }

  #unwatch(): void {
    this.#loop.unwatch(this.#fd);
    this.#isWatching = false;
  }
}

/** A socket that is connecting. */
export interface Dialled {
  readonly fd: number;
  readonly isConnected: boolean;
}

/**
 * Starts to connect.
 *
 * @throws an error with the system's error number in its text
 */
export function startConnecting(loop: EventLoop, address: Address): Dialled {
  const raw = toRawAddress(address);
  const family = isIpv4(raw) ? c.AF_INET : c.AF_INET6;
  const fd = openSocket(loop, family);
  setUp(loop, fd);
  const name = new Uint8Array(sockaddrLength(family));
  writeSockaddr(raw, family, name, 0);
  const isConnected = loop.libc.connect(fd, name, name.length) === 0;
  const { errno } = loop;
  if (isConnected || errno === c.EINPROGRESS) return { fd, isConnected };
  loop.libc.close(fd);
  throw systemError("connect", errno);
}

/** An error in the form that `isOutOfResources` recognizes. */
export function systemError(call: string, errno: number): Error {
  const what = MEANINGS[errno] ?? `${call} failed`;
  return new Error(`${what} (os error ${errno})`);
}

function openListening(loop: EventLoop, where: Address, reusePort: boolean) {
  const raw = toRawAddress(where);
  const family = isIpv4(raw) ? c.AF_INET : c.AF_INET6;
  const fd = openSocket(loop, family);
  try {
    if (family === c.AF_INET6) option(loop, fd, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 0);
    option(loop, fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1);
    if (reusePort) option(loop, fd, c.SOL_SOCKET, c.SO_REUSEPORT, 1);
    // Accepted sockets inherit these options, tcp(7).
    setUp(loop, fd);
    const name = new Uint8Array(sockaddrLength(family));
    writeSockaddr(raw, family, name, 0);
    const { libc } = loop;
    if (libc.bind(fd, name, name.length) !== 0 || libc.listen(fd, BACKLOG) !== 0) {
      throw bindError(loop.errno);
    }
    libc.getsockname(fd, name, new Uint8Array(Int32Array.of(name.length).buffer));
    const bound = new Uint8Array(RAW_ADDRESS);
    readSockaddr(name, 0, bound);
    return { fd, address: fromRawAddress(bound) };
  } catch (error) {
    loop.libc.close(fd);
    throw error;
  }
}

function openSocket(loop: EventLoop, family: number): number {
  const fd = loop.libc.socket(family, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError("socket", loop.errno);
  return fd;
}

function setUp(loop: EventLoop, fd: number): void {
  option(loop, fd, c.IPPROTO_TCP, c.TCP_NODELAY, 1);
  option(loop, fd, c.SOL_SOCKET, c.SO_KEEPALIVE, 1);
  option(loop, fd, c.IPPROTO_TCP, c.TCP_KEEPIDLE, KEEP_IDLE);
  option(loop, fd, c.IPPROTO_TCP, c.TCP_KEEPINTVL, KEEP_INTERVAL);
  option(loop, fd, c.IPPROTO_TCP, c.TCP_KEEPCNT, KEEP_COUNT);
}

function option(loop: EventLoop, fd: number, level: number, ...[name, value]: [number, number]) {
  loop.libc.setsockopt(fd, level, name, new Uint8Array(Int32Array.of(value).buffer), 4);
}

function bindError(errno: number): Error {
  if (errno === c.EADDRINUSE) return new Deno.errors.AddrInUse("Address already in use");
  return systemError("bind", errno);
}

/** The error for whoever wanted the connection. */
export function dialError(cause: unknown, isShort: boolean): ProxyError {
  return isShort
    ? new ProxyError("overloaded", "Cannot open another connection now", { cause })
    : new ProxyError("origin_unreachable", "Origin refuses the connection", { cause });
}
