// What relays need of TCP sockets: connections that are read and written by promises while two parties
// talk, and pipes once bytes merely flow. Two engines implement this contract, and relays do not know
// which one runs.

import type { Clock } from "../core/clock.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import type { Address } from "../core/address.ts";
import type { Deadline } from "./deadline.ts";
import type { Inbox } from "./inbox.ts";
import type { TlsOpener } from "./tls/tls_session.ts";

/** One TCP connection. `close` may be called at any time and more than once. */
export interface Connection extends Disposable {
  /** The client, its IP address in canonical form: the other side, or the one that a balancer there names. */
  peer: Address;
  readonly closed: boolean;
  /** Bytes read and written so far. */
  bytesIn: number;
  bytesOut: number;
  /** Bytes that the system has accepted for the peer, including those of unfinished writes. */
  readonly bytesTaken: number;
  /** Whether a write is waiting for the peer to take bytes. */
  readonly isWriting: boolean;
  /** Set by every read and write; whoever watches for idle connections clears it. */
  active: boolean;
  /**
   * Reads what is there, or waits for the next bytes, into `buffer`. One read at a time.
   *
   * @returns the number of bytes read, or null when the connection is over
   */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /**
   * Takes back a read that waits for bytes, so that somebody else can read; its promise never settles.
   *
   * @returns false if there is none, bytes have come already, or the engine cannot do that
   */
  withdrawRead(): boolean;
  /**
   * Switches to TLS: everything read and written from now on is encrypted. To be called before anything
   * is read except bytes that were put back.
   *
   * @param tls client or server side; by default the server side, on a connection whose listener was
   * opened for TLS
   * @throws ProtocolError when the peer leaves or the handshake fails; a CertificateError when the
   * peer's certificate is not trusted
   */
  secure(tls?: TlsOpener): Promise<void>;
  readonly isSecure: boolean;
  /** Whether the peer has presented a certificate that was accepted. */
  readonly isCertified: boolean;
  /** Puts a copy of the bytes back, to be read before all others. To be called before there is a pipe. */
  unread(bytes: Uint8Array): void;
  /**
   * Writes all of `bytes`, which must not change meanwhile. One write at a time.
   *
   * @returns false when the connection is over
   */
  write(bytes: Uint8Array): Promise<boolean>;
  /**
   * Limits what the system buffers before it can send to about this many bytes, where that is possible,
   * so that data for a slow peer waits here instead.
   */
  boundUnsent(bytes: number): void;
  /**
   * Ends the connection so that the peer gets all that was written: sends FIN, then reads what comes
   * until the peer ends it too, for at most `milliseconds`.
   *
   * @param reader a read in progress; it is awaited before the next one
   */
  closeGently(milliseconds: number, reader?: Promise<unknown>): Promise<void>;
  /** Closes it after this many milliseconds, unless the result is disposed of before. */
  closeAfter(milliseconds: number): Deadline;
  close(): void;
}

/**
 * What a pipe does to the bytes. Each push has an output, which is taken before the next one, in either of
 * two ways:
 *
 *     const taken = transform.push(bytes, start, end);
 *     if (transform.untouched >= 0) send(bytes.subarray(start, transform.untouched));
 *     else transform.takePieces().forEach(send);
 *
 * `takePieces` alone gives the same output; `untouched` saves allocating a list and views for it. After
 * `push(bytes, 0, 100)` has taken all 100 bytes, `untouched` is
 *
 * - 100 if they pass as they are,
 * - 90 if the last ten are held back until more of them is known,
 * - 0 if there is no output,
 * - -1 if anything else is to be sent.
 */
export interface Transform {
  /**
   * Takes the bytes from `start` to `end`, all of them unless it stops.
   *
   * @param bytes borrowed until the output has been taken
   * @returns the index after the last byte that was taken
   * @throws any error, which ends the pipe and is reported by it
   */
  push(bytes: Uint8Array, start: number, end: number): number;
  /** Where the output ends if it is simply the first bytes of the push, as nearly always; otherwise -1. */
  readonly untouched: number;
  /** The output, once; may borrow the bytes of the push. */
  takePieces(): readonly Uint8Array[];
  /** Whether the pipe is to stop here; checked after every push. */
  readonly isStopped: boolean;
}

/** Why a pipe has ended. */
export type PipeEnd = "sender_closed" | "receiver_closed" | "stopped";

export interface PipeParts {
  readonly from: Connection;
  readonly to: Connection;
  /** Bytes read from `from` but not handled: they go first. Bytes unhandled at the end are left here. */
  readonly inbox: Inbox;
  readonly transform: Transform;
  readonly owner: PipeOwner;
}

/**
 * Is told once how a pipe has ended, in a later microtask than the one in which it was opened. Not a
 * promise: with its functions it would take most of the memory of an idle client.
 */
export interface PipeOwner {
  /** Everything taken until the end is written. */
  pipeEnded(end: PipeEnd): void;
  /** The transform has thrown. */
  pipeFailed(error: unknown): void;
}

/** Moves bytes from one connection to another. Closes neither. */
export interface Pipe {
  /**
   * Writes bytes of the proxy's own between two pieces.
   *
   * @param make returns them, or undefined if there are none; not called while other bytes are being written
   * @returns whether any were written
   */
  insert(make: () => Uint8Array | undefined): boolean;
}

export interface Listener {
  /** Where it listens, with the real port. */
  readonly address: Address;
  /**
   * The next connection. One call at a time.
   *
   * @returns undefined when the listener was closed
   * @throws an error that `isOutOfResources` recognizes when this process has no descriptor left
   */
  accept(): Promise<Connection | undefined>;
  close(): void;
}

export interface ListenOptions {
  /** What listens, for error messages: "RTMP". */
  readonly name: string;
  readonly listen: ListenAddress;
  /** Whether others may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** Set if its connections speak TLS; called for each of them. */
  readonly tls?: (() => TlsOpener) | undefined;
}

export interface DialOptions {
  /** Milliseconds. */
  readonly timeout: number;
  /** Aborted when the client that the connection is for has left. */
  readonly gone?: AbortSignal | undefined;
  /** Whose bytes it will carry; only the proxy's own if absent. */
  readonly client?: Address | undefined;
  readonly protocol?: "rtmp" | "http";
}

/** TCP for the relays of one thread. */
export interface TcpEngine {
  readonly kind: "libc" | "deno";
  /** Time in this thread. */
  readonly clock: Clock;
  /** Whether connections to origins name their client, so that they cannot be shared. */
  readonly namesClients: boolean;
  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  listen(options: ListenOptions): Listener;
  /**
   * Connects to an address. The cause of an error names the address, its message does not.
   *
   * @throws ProxyError `origin_timeout` when it takes too long, `origin_unreachable` when refused,
   * `client_gone` when `gone` is aborted, `overloaded` when this machine has no resources left to
   * connect with, which says nothing about the origin
   */
  dial(address: Address, options: DialOptions): Promise<Connection>;
  /** Moves bytes until one side ends or the transform stops. */
  pipe(parts: PipeParts): Pipe;
}
