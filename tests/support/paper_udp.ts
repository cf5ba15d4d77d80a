// A UDP engine without sockets and with a clock that stands still unless it is put forward: what a relay
// sends is written down, and what comes is told to it by the test.

import { ProxyError } from "../../src/core/errors.ts";
import type { Address } from "../../src/core/address.ts";
import { noDrops } from "../../src/net/udp/drops.ts";
import type { Datagram, UdpEngine, UdpLink } from "../../src/net/udp/port.ts";
import { toRawAddress } from "../../src/net/udp/raw_address.ts";

/** A link that writes down what is sent. */
export class PaperLink implements UdpLink {
  readonly id: number;
  readonly origin: Address;
  readonly sent: Uint8Array[] = [];
  isClosed = false;

  constructor(id: number, origin: Address) {
    this.id = id;
    this.origin = origin;
  }

  setClient(): void {}

  send(bytes: Uint8Array): void {
    this.sent.push(bytes.slice());
  }

  close(): void {
    this.isClosed = true;
  }
}

/** The engine. */
export class PaperUdp implements UdpEngine {
  readonly kind = "deno";
  readonly address: Address = { host: "127.0.0.1", port: 1 };
  readonly drops = noDrops();
  readonly buffers = { receive: 0, send: 0 };
  /** Every link that was opened. */
  readonly links: PaperLink[] = [];
  readonly toClients: Uint8Array[] = [];
  time = 0;
  /** Whether there is a socket left. */
  hasRoom = true;

  openLink(origin: Address): UdpLink {
    if (!this.hasRoom) throw new ProxyError("overloaded", "Cannot open another socket now");
    const link = new PaperLink(this.links.length, origin);
    this.links.push(link);
    return link;
  }

  sendToClient(_raw: Uint8Array, bytes: Uint8Array): void {
    this.toClients.push(bytes.slice());
  }

  now(): number {
    return this.time;
  }

  run(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

/** A datagram as an engine shows it. @param from its sender; nobody for an origin's */
export function datagramOf(bytes: Uint8Array, from?: Address): Datagram {
  const buffer = new Uint8Array(2048);
  buffer.set(bytes);
  const sender = from === undefined ? new Uint8Array() : toRawAddress(from);
  return { buffer, length: bytes.length, sender };
}
