// What relays need of TCP sockets, whoever provides them: connections that are read and written by
// promises while two parties talk, and pipes once bytes only flow. Two engines keep this contract,
// and relays do not know which one runs.

import type { Clock } from "../core/clock.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import type { Address } from "../core/address.ts";
import type { Deadline } from "./deadline.ts";
import type { Inbox } from "./inbox.ts";
import type { TlsServer } from "./tls/tls_server.ts";
import type { TlsOpener } from "./tls/tls_session.ts";

/** One TCP connection. `close` may be called at any time and more than once. */
export interface Connection extends Disposable {
  /** The client, its IP address in canonical form: the other side, or whom a balancer there names. */
  peer: Address;
  readonly closed: boolean;
  /** Bytes read and written so far. */
  bytesIn: number;
  bytesOut: number;
  /** Bytes that the peer's side of the system has taken, those of unfinished writes too. */
  readonly bytesTaken: number;
  /** Whether bytes wait for the peer to take them. */
  readonly isWriting: boolean;
  /** Set by every read and write; whoever watches for idleness clears it. */
  active: boolean;
  /**
   * Reads what is there, or the next that comes, into `buffer`. One read at a time.
   *
   * @returns the bytes read, or null when the connection is over
   */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /**
   * Goes on in TLS: what is read and written from now on is encrypted. To be called before anything is
   * read but what was put back.
   *
   * @param tls which side of it is spoken; a connection of a listener that was opened for that is the
   * server of it unless told
   * @throws ProtocolError when the peer does not speak TLS as we do, or leaves; a CertificateError when
   * it shows a certificate that we do not believe
   */
  secure(tls?: TlsOpener): Promise<void>;
  /** Whether it speaks TLS. */
  readonly isSecure: boolean;
  /** Whether the peer has shown a certificate that was accepted. */
  readonly isCertified: boolean;
  /** Puts bytes back, copied, to be read before all others. To be called before there is a pipe. */
  unread(bytes: Uint8Array): void;
  /**
   * Writes all of `bytes`, which must not change meanwhile. One write at a time.
   *
   * @returns false when the connection is over
   */
  write(bytes: Uint8Array): Promise<boolean>;
  /**
   * Has the system take no more than about so many bytes that it cannot send yet, where it can be told: what
   * is written for a slow peer waits here then, and not there.
   */
  boundUnsent(bytes: number): void;
  /**
   * Ends the connection so that the peer gets all that was written: sends FIN, then reads what
   * comes until the peer ends it too, for at most `milliseconds`.
   *
   * @param reader a read that is under way; it is awaited before the next
   */
  closeGently(milliseconds: number, reader?: Promise<unknown>): Promise<void>;
  /** Closes it so many milliseconds from now, unless the result is disposed of before. */
  closeAfter(milliseconds: number): Deadline;
  close(): void;
}

/** What happens to bytes on their way through a pipe. */
export interface Transform {
  /**
   * Takes the bytes from `start` to `end`, all of them unless it stops. What came of those before has
   * been taken.
   *
   * @param bytes borrowed until what comes of them has been taken
   * @returns the index behind the last that was taken
   * @throws whatever ends the pipe with this error
   */
  push(bytes: Uint8Array, start: number, end: number): number;
  /**
   * Index up to which the bytes of the last push are to be written as they are, and nothing else; -1
   * when there are pieces. Nearly always it is not, and then nothing has to be allocated for it.
   */
  readonly untouched: number;
  /** What is to be written for the last push; may borrow its bytes. */
  takePieces(): readonly Uint8Array[];
  /** Whether the pipe stops here; looked at after every push. */
  readonly isStopped: boolean;
}

/** Why a pipe came to rest. */
export type PipeEnd = "sender_closed" | "receiver_closed" | "stopped";

/** What a pipe is made of. */
export interface PipeParts {
  readonly from: Connection;
  readonly to: Connection;
  /** What was read of `from` and not yet dealt with: goes first. What is left at the end, too. */
  readonly inbox: Inbox;
  readonly transform: Transform;
}

/** Bytes on their way from one connection to another. */
export interface Pipe {
  /**
   * Resolves when the pipe has come to rest, with all that was taken until then written; rejects
   * with what the transform has thrown. Neither connection is closed by it.
   */
  readonly ended: Promise<PipeEnd>;
  /**
   * Writes bytes of the proxy's own between two pieces.
   *
   * @param make gives them, or undefined if there are none; not called while others are being written
   * @returns whether any were written
   */
  insert(make: () => Uint8Array | undefined): boolean;
}

/** A bound port. */
export interface Listener {
  /** Where it listens, with the real port. */
  readonly address: Address;
  /**
   * The next connection. One call at a time.
   *
   * @returns undefined when the listener was closed
   * @throws an error that `isOutOfResources` knows when this process has no descriptor left
   */
  accept(): Promise<Connection | undefined>;
  close(): void;
}

/** How to listen. */
export interface ListenOptions {
  /** What listens, for error messages: "RTMP". */
  readonly name: string;
  readonly listen: ListenAddress;
  /** Whether others may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** What its connections speak TLS with, if they do; asked for each of them. */
  readonly tls?: (() => TlsServer) | undefined;
}

/** How to dial. */
export interface DialOptions {
  /** Milliseconds until it is given up. */
  readonly timeout: number;
  /** Aborted when whoever the connection is for has left. */
  readonly gone?: AbortSignal | undefined;
  /** Whose bytes it will carry; nobody's but the proxy's unless told. */
  readonly client?: Address | undefined;
  /** What will be spoken. */
  readonly protocol?: "rtmp" | "http";
}

/** TCP for the relays of one thread. */
export interface TcpEngine {
  readonly kind: "libc" | "deno";
  /** Time of this thread. */
  readonly clock: Clock;
  /** Whether a connection to an origin names the client that it is for, so that it is nobody else's. */
  readonly namesClients: boolean;
  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  listen(options: ListenOptions): Listener;
  /**
   * Connects to an address.
   *
   * @throws ProxyError `origin_timeout` after the time, `origin_unreachable` when refused,
   * `client_gone`, `overloaded` when this machine has nothing left to connect with, which says
   * nothing of the origin; the cause names the address, the message does not
   */
  dial(address: Address, options: DialOptions): Promise<Connection>;
  /** Moves bytes until one side is over or the transform stops. */
  pipe(parts: PipeParts): Pipe;
}
