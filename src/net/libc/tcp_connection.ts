// A TCP connection of the libc engine: read and written when the loop says that it is ready. See
// `Connection`.

import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";
import { Deadline } from "../deadline.ts";
import type { Connection } from "../engine.ts";
import { ProtocolError } from "../../core/errors.ts";
import type { TlsNeed, TlsOpener, TlsSession } from "../tls/tls_session.ts";
import { letGo } from "../linger.ts";
import { PutBack } from "../put_back.ts";
import * as c from "../udp/libc.ts";
import type { EventLoop, Watched } from "./event_loop.ts";

const SEND_FLAGS = c.MSG_DONTWAIT | c.MSG_NOSIGNAL;
const BROKEN = c.EPOLLERR | c.EPOLLHUP;
/** Bytes that fit into one record of TLS (RFC 8446 section 5.1). */
const RECORD = 16_384;
const YES = new Uint8Array(Int32Array.of(1).buffer);
const NO = new Uint8Array(Int32Array.of(0).buffer);

interface Read {
  readonly buffer: Uint8Array<ArrayBuffer>;
  resolve(count: number | null): void;
}

interface Write {
  readonly bytes: Uint8Array;
  at: number;
  resolve(isWhole: boolean): void;
}

/** One end of a pipe: takes bytes from a connection or gives it some as soon as possible. */
export interface FlowEnd {
  /** The connection can be read, if it is the sender; written, if it is the receiver. */
  proceed(): void;
  /** The owner has closed the connection. */
  closed(): void;
}

/** What the sockets of a loop share. */
export interface LoopSurroundings {
  readonly loop: EventLoop;
  /** For deadlines. */
  readonly clock: Clock;
}

export interface OpenSocket {
  /** Owned by the connection from now on. */
  readonly fd: number;
  readonly peer: Address;
  /** Set if it may speak TLS. */
  readonly tls?: (() => TlsOpener) | undefined;
  refuse(): Error;
}

/** See `Connection`. */
export class LibcConnection implements Connection, Watched {
  bytesIn = 0;
  bytesOut = 0;
  bytesTaken = 0;
  isWriting = false;
  active = true;
  peer: Address;
  readonly fd: number;
  readonly #loop: EventLoop;
  readonly #clock: Clock;
  /** Events that epoll was asked for. */
  #events = 0;
  #isWatched = true;
  #closed = false;
  #putBack: PutBack | undefined;
  readonly #tlsOpener: (() => TlsOpener) | undefined;
  #tls: TlsSession | undefined;
  /** Whether OpenSSL must write, to answer a key update, before it can read on. */
  #readsAfterWrite = false;
  /** Whether the next round will handle what OpenSSL still holds. */
  #isMoreDue = false;
  #read: Read | undefined;
  #write: Write | undefined;
  #source: FlowEnd | undefined;
  #sink: FlowEnd | undefined;

  /** @throws what `refuse` returns when the system cannot watch another descriptor; `fd` is closed then */
  constructor({ loop, clock }: LoopSurroundings, { fd, peer, tls, refuse }: OpenSocket) {
    this.#loop = loop;
    this.#clock = clock;
    this.fd = fd;
    this.peer = peer;
    this.#tlsOpener = tls;
    if (loop.watch(fd, this, 0)) return;
    const error = refuse();
    loop.libc.close(fd);
    throw error;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.#putBack !== undefined && this.#putBack.length > 0 && !this.#closed) {
      return Promise.resolve(this.#putBack.take(buffer));
    }
    const count = this.#closed ? null : this.receive(buffer);
    if (count !== undefined) return Promise.resolve(count);
    return new Promise((resolve) => {
      this.#read = { buffer, resolve };
      this.#wantRead();
    });
  }

  withdrawRead(): boolean {
    const isWaiting = this.#read !== undefined;
    this.#read = undefined;
    return isWaiting;
  }

  get isSecure(): boolean {
    return this.#tls !== undefined;
  }

  get isCertified(): boolean {
    return this.#tls?.isCertified ?? false;
  }

  async secure(opener: TlsOpener = this.#tlsOpener!()): Promise<void> {
    if (this.#closed) throw new ProtocolError("Cannot begin TLS: the connection is over");
    const received = new Uint8Array(this.#putBack?.length ?? 0);
    this.#putBack?.take(received);
    const tls = opener.open({ fd: this.fd, received });
    this.#tls = tls;
    for (let need; (need = this.#closed ? "read" : tls.handshake()) !== undefined;) {
      if (!await this.#until(need)) throw new ProtocolError("Cannot finish a TLS handshake");
    }
    this.active = true;
  }

  unread(bytes: Uint8Array): void {
    this.#putBack ??= new PutBack();
    this.#putBack.put(bytes);
  }

  boundUnsent(bytes: number): void {
    if (this.#closed) return;
    const value = new Uint8Array(Int32Array.of(bytes).buffer);
    this.#loop.libc.setsockopt(this.fd, c.IPPROTO_TCP, c.TCP_NOTSENT_LOWAT, value, 4);
  }

  write(bytes: Uint8Array): Promise<boolean> {
    if (bytes.length === 0) return Promise.resolve(!this.#closed);
    const count = this.#closed ? null : this.send(bytes);
    if (count === null || count === bytes.length) return Promise.resolve(count !== null);
    this.isWriting = true;
    return new Promise((resolve) => {
      this.#write = { bytes, at: count, resolve };
      this.#wantWrite(true);
    });
  }

  closeGently(milliseconds: number, reader?: Promise<unknown>): Promise<void> {
    return letGo(this, {
      milliseconds,
      reader,
      closeWrite: () => {
        if (this.#closed) return;
        this.#tls?.shutdown();
        this.#loop.libc.shutdown(this.fd, c.SHUT_WR);
      },
    });
  }

  closeAfter(milliseconds: number): Deadline {
    return new Deadline(this.#clock, milliseconds, () => this.close());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.isWriting = false;
    this.#loop.unwatch(this.fd);
    this.#tls?.answerEnd();
    this.#tls?.free();
    this.#loop.libc.close(this.fd);
    const [read, write, source, sink] = [this.#read, this.#write, this.#source, this.#sink];
    this.#read =
      this.#write =
      this.#source =
      this.#sink =
        undefined;
    read?.resolve(null);
    write?.resolve(false);
    source?.closed();
    sink?.closed();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Reads what is there, for the packet path.
   *
   * @returns the bytes read, null when the connection is over, undefined when nothing is there
   */
  receive(buffer: Uint8Array<ArrayBuffer>): number | null | undefined {
    // The descriptor may belong to another connection by now.
    if (this.#closed) return null;
    if (this.#tls !== undefined) return this.#taken(this.#tls.read(buffer));
    const count = this.#loop.libc.recv(this.fd, buffer, buffer.length, c.MSG_DONTWAIT);
    if (count > 0) {
      this.bytesIn += count;
      this.active = true;
      return count;
    }
    return count < 0 && this.#loop.errno === c.EAGAIN ? undefined : null;
  }

  /**
   * Writes as much as the system takes, for the packet path.
   *
   * @param length how many of the bytes, so that the caller need not make a view of its buffer
   * @returns how many were written, or null when the connection is over
   */
  send(bytes: Uint8Array, length = bytes.length): number | null {
    if (this.#closed) return null;
    const data = bytes as Uint8Array<ArrayBuffer>;
    if (this.#tls !== undefined) return this.#encrypt(this.#tls, data, length);
    const count = this.#loop.libc.send(this.fd, data, length, SEND_FLAGS);
    if (count < 0) return this.#loop.errno === c.EAGAIN ? 0 : null;
    this.bytesTaken += count;
    this.bytesOut += count;
    this.active = true;
    return count;
  }

  /** Sets what is called when the connection can be read, until it is called with undefined. */
  setSource(source: FlowEnd | undefined): void {
    this.#source = source;
    if (source === undefined) return;
    this.#wantRead();
    this.#proceedWithMore();
  }

  /** The loop does not report bytes that OpenSSL has already taken from the socket. */
  #proceedWithMore(): void {
    if (this.#tls === undefined || !this.#tls.hasMore || this.#isMoreDue) return;
    this.#isMoreDue = true;
    this.#loop.inNextRound(() => {
      this.#isMoreDue = false;
      this.#proceed();
    });
  }

  #proceed(): void {
    const source = this.#source;
    source?.proceed();
    if (source !== undefined && this.#source === source) this.#proceedWithMore();
  }

  /** Sets what is called when the connection can be written, until it is called with undefined. */
  setSink(sink: FlowEnd | undefined): void {
    this.#sink = sink;
    if (!this.#closed) this.#wantWrite(sink !== undefined);
  }

  ready(happened: number): void {
    const events = this.#readsAfterWrite ? this.#goOnReading(happened) : happened;
    if (events & (c.EPOLLOUT | BROKEN)) this.#writable();
    if (this.#closed || !(events & (c.EPOLLIN | BROKEN))) return;
    if (this.#source !== undefined) {
      if (!this.#isMoreDue) this.#proceed();
      return;
    }
    if (this.#read !== undefined) return this.#readable(this.#read);
    // Nobody is reading at the moment.
    if (events & BROKEN) this.#forget();
    else this.#ask(this.#events & ~c.EPOLLIN);
  }

  #taken(result: number | null | TlsNeed): number | null | undefined {
    if (result === "write") {
      this.#readsAfterWrite = true;
      this.#ask(this.#events);
    }
    if (typeof result !== "number") return result === null ? null : undefined;
    this.bytesIn += result;
    this.active = true;
    return result;
  }

  /** @returns the events for whoever is reading or writing */
  #goOnReading(events: number): number {
    if (!(events & (c.EPOLLOUT | BROKEN))) return events;
    this.#readsAfterWrite = false;
    this.#wantRead();
    return events | c.EPOLLIN;
  }

  #given(result: number | null | TlsNeed): number | null {
    if (typeof result !== "number") return result === null ? null : 0;
    this.bytesTaken += result;
    this.bytesOut += result;
    this.active = true;
    return result;
  }

  /** The records of one write are sent together, so that the peer is woken once. */
  #encrypt(tls: TlsSession, bytes: Uint8Array<ArrayBuffer>, length: number): number | null {
    if (length <= RECORD) return this.#given(tls.write(bytes, length));
    const { libc } = this.#loop;
    libc.setsockopt(this.fd, c.IPPROTO_TCP, c.TCP_CORK, YES, YES.length);
    const count = this.#given(tls.write(bytes, length));
    libc.setsockopt(this.fd, c.IPPROTO_TCP, c.TCP_CORK, NO, NO.length);
    return count;
  }

  /** Waits until the socket is ready. @returns false when the connection is over */
  #until(need: TlsNeed): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const over = (isOpen: boolean) => {
        this.#source = this.#sink = undefined;
        if (isOpen) this.#wantWrite(false);
        this.#loop.announce();
        resolve(isOpen);
      };
      const end: FlowEnd = { proceed: () => over(true), closed: () => over(false) };
      if (need === "read") this.setSource(end);
      else this.setSink(end);
    });
  }

  #readable(read: Read): void {
    const count = this.receive(read.buffer);
    if (count === undefined) return;
    this.#read = undefined;
    this.#loop.announce();
    read.resolve(count);
  }

  #writable(): void {
    if (this.#sink !== undefined) return this.#sink.proceed();
    const write = this.#write;
    if (write === undefined) return this.#wantWrite(false);
    const count = this.send(write.at === 0 ? write.bytes : write.bytes.subarray(write.at));
    if (count !== null) write.at += count;
    if (count !== null && write.at < write.bytes.length) return;
    this.#write = undefined;
    this.isWriting = false;
    this.#wantWrite(false);
    this.#loop.announce();
    write.resolve(count !== null);
  }

  #wantRead(): void {
    this.#ask(this.#events | c.EPOLLIN);
  }

  #wantWrite(wanted: boolean): void {
    this.#ask(wanted ? this.#events | c.EPOLLOUT : this.#events & ~c.EPOLLOUT);
  }

  #ask(wanted: number): void {
    if (this.#closed) return;
    const events = this.#readsAfterWrite ? (wanted | c.EPOLLOUT) & ~c.EPOLLIN : wanted;
    if (!this.#isWatched) {
      this.#isWatched = this.#loop.watch(this.fd, this, events);
      if (!this.#isWatched) return this.close();
    } else if (events !== this.#events) this.#loop.rewatch(this.fd, events);
    this.#events = events;
  }

  /** epoll reports a broken connection again and again, asked or not; the next read or write will notice. */
  #forget(): void {
    this.#loop.unwatch(this.fd);
    this.#isWatched = false;
  }
}
