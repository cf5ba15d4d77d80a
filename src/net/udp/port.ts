// The interface between a relay of datagrams and a UDP engine: one front socket for all clients, and one
// connected socket ("link") to the origin for each session. The engine moves batches and knows no protocol;
// the relay decides on each datagram and owns no socket.

import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";

/** Size of a receive buffer; a longer datagram is dropped and counted as `truncated`. */
export const MAX_DATAGRAM = 2048;

/** Milliseconds within which `UdpEngine.tickSoon` makes the engine call the relay. */
export const SOON = 50;

/** Bytes of a `ClientAddress` in its raw form. */
export const RAW_ADDRESS = 18;

/**
 * The datagram being decided on. The engine uses one object for all of them: the handler must keep no
 * reference to it.
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
  /** A small number, unique among the open links; reused after `close`. */
  readonly id: number;
  /** Sets where the origin's datagrams go from now on. @param raw copied, in the form of `sender` */
  setClient(raw: Uint8Array): void;
  /** Sends one datagram to the origin; if the socket is full, it is dropped and counted. */
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
  /** The origin's host reports that nobody listens there (ICMP port unreachable). */
  unreachable(link: UdpLink): void;
  /** Called every `tick` milliseconds, and after `tickSoon`. @param now milliseconds of a monotonic clock */
  tick(now: number): void;
}

/** Lost datagrams by reason, counted since the start. */
export interface UdpDrops {
  /** The kernel had no room to send it to a client. */
  clientFull: number;
  /** The kernel had no room to send it to an origin. */
  originFull: number;
  /** Longer than MAX_DATAGRAM. */
  truncated: number;
  /** Lost before the front socket was read (SO_RXQ_OVFL); 0 where the system does not say. */
  receiveOverflow: number;
  /** From an origin, before the relay has set a client. */
  noClient: number;
  /** Any other error in sending. */
  failed: number;
}

export interface UdpEngineOptions {
  /** Of the engine's thread. */
  readonly clock: Clock;
  readonly listen: { readonly host?: string; readonly port: number };
  /** Milliseconds between calls of `UdpRelay.tick`. */
  readonly tick: number;
  /** Limit on open links. */
  readonly maxLinks: number;
  /** Whether other sockets may be bound to the same port, which then share its datagrams. */
  readonly reusePort?: boolean;
  /** Descriptor of a bound front socket that its owner keeps; only for the C library's engine. */
  readonly front?: number | undefined;
}

/** Moves datagrams for one relay. Lives in one thread. */
export interface UdpEngine {
  readonly kind: "libc" | "deno";
  /** Where the front socket is bound, with its real port. */
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
  /** Makes the engine call the relay's `tick` once within `SOON`, without waking a thread that is waiting. */
  tickSoon(): void;
  /** Moves datagrams until `close`. */
  run(relay: UdpRelay): Promise<void>;
  /** Ends `run` and frees every socket. */
  close(): void;
}
