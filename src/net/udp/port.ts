// The interface between a relay of datagrams and a UDP engine: one front socket for all clients,
// one connected socket ("link") to the origin for each session. The engine moves batches and knows
// no protocol; the relay decides on each datagram and owns no socket.

import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";

/** Size of a receive buffer; a longer datagram is dropped and counted as `truncated`. */
export const MAX_DATAGRAM = 2048;

/** How soon `UdpEngine.tickSoon` has a relay called, milliseconds. */
export const SOON = 50;

/** Bytes of a `ClientAddress` in its raw form. */
export const RAW_ADDRESS = 18;

/**
 * One datagram under decision. The engine uses one object for all of them: nothing of it may be
 * kept after the handler has returned.
 */
export interface Datagram {
  /** The whole receive buffer; only the first `length` bytes belong to the datagram. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly length: number;
  /**
   * The sender: 16 bytes of IPv6 address (IPv4 mapped, RFC 4291 section 2.5.5.2), 2 bytes of port,
   * big-endian. Empty when it comes from an origin.
   */
  readonly sender: Uint8Array<ArrayBuffer>;
}

/** A connected socket towards an origin. */
export interface UdpLink {
  /** A small number, unique among the open links; given again after `close`. */
  readonly id: number;
  /** Where the origin's datagrams go from now on. @param raw copied, in the form of `sender` */
  setClient(raw: Uint8Array): void;
  /** Sends one datagram to the origin; a full socket drops it and counts. */
  send(bytes: Uint8Array): void;
  /** Frees the socket at once. May be called from any handler, again without effect. */
  close(): void;
}

/** Decides what happens to datagrams. No method may wait; an exception ends the thread. */
export interface UdpRelay {
  /**
   * A datagram from a client.
   *
   * @returns the link that carries it to its origin; undefined when it is dropped or was answered
   */
  fromClient(datagram: Datagram): UdpLink | undefined;
  /** A datagram from an origin. @returns whether it goes to the link's client */
  fromOrigin(link: UdpLink, datagram: Datagram): boolean;
  /** The origin's host says that nobody listens there (ICMP port unreachable). */
  unreachable(link: UdpLink): void;
  /** Called every `tick` milliseconds, and when `tickSoon` was asked for it. @param now milliseconds of a monotonic clock */
  tick(now: number): void;
}

/** Why an engine has lost datagrams, each a count since the start. */
export interface UdpDrops {
  /** The kernel had no room for it towards a client. */
  clientFull: number;
  /** The kernel had no room for it towards an origin. */
  originFull: number;
  /** Longer than MAX_DATAGRAM. */
  truncated: number;
  /** Lost before the front socket was read (SO_RXQ_OVFL); 0 where the system does not say. */
  receiveOverflow: number;
  /** From an origin, before the relay has named a client. */
  noClient: number;
  /** Any other error of sending. */
  failed: number;
}

export interface UdpEngineOptions {
  /** Of the engine's thread. */
  readonly clock: Clock;
  readonly listen: { readonly host?: string; readonly port: number };
  /** Milliseconds between calls of `UdpRelay.tick`. */
  readonly tick: number;
  /** Links that may be open at once. */
  readonly maxLinks: number;
  /** Whether other sockets may be bound to the same port, which then share its datagrams. */
  readonly reusePort?: boolean;
  /** Descriptor of a bound front socket that stays its owner's; only for the C library's engine. */
  readonly front?: number | undefined;
}

/** Moves datagrams for one relay. Lives in one thread. */
export interface UdpEngine {
  readonly kind: "libc" | "deno";
  /** What the front socket is bound to, with its real port. */
  readonly address: Address;
  readonly drops: Readonly<UdpDrops>;
  /** Sizes of the front socket's buffers in bytes as the kernel granted them; 0 = unknown. */
  readonly buffers: { readonly receive: number; readonly send: number };
  /**
   * Opens a link.
   *
   * @throws ProxyError `overloaded` when there are `maxLinks`, or no descriptor is left;
   * `origin_unreachable` when the system has no route
   */
  openLink(origin: Address): UdpLink;
  /** Sends to a client from the front socket. @param raw its address in the form of `sender` */
  sendToClient(raw: Uint8Array, bytes: Uint8Array): void;
  /** Monotonic milliseconds, as given to `tick`; read once per batch. */
  now(): number;
  /** Has the relay's `tick` called once within `SOON`: a thread that only waits is not to be woken for it. */
  tickSoon(): void;
  /** Moves datagrams until `close`. */
  run(relay: UdpRelay): Promise<void>;
  /** Ends `run` and frees every socket. */
  close(): void;
}
