// A minimal relay for tests of the UDP engines: one link for each client address, everything passed
// both ways.

import type { Address } from "../../src/core/address.ts";
import { AddressTable } from "../../src/net/udp/address_table.ts";
import type { Datagram, UdpEngine, UdpLink, UdpRelay } from "../../src/net/udp/port.ts";

/** The relay echoes a datagram whose first byte is this. */
export const ECHO = 0xee;
/** A datagram whose first byte is this closes its client's link in the middle of a batch. */
export const CLOSE = 0xcc;

/** Sends everything to one origin. */
export class UdpForwarder implements UdpRelay {
  /** Links whose far end has refused. */
  readonly refusals: number[] = [];
  /** Thrown at the next tick. */
  failure: Error | undefined;
  readonly #engine: UdpEngine;
  readonly #origin: Address;
  readonly #table = new AddressTable(1_000);
  readonly #links = new Map<number, { link: UdpLink; client: Uint8Array }>();

  constructor(engine: UdpEngine, origin: Address) {
    this.#engine = engine;
    this.#origin = origin;
  }

  fromClient({ buffer, length, sender }: Datagram): UdpLink | undefined {
    if (buffer[0] === ECHO) {
      this.#engine.sendToClient(sender, buffer.subarray(0, length));
      return undefined;
    }
    const known = this.#links.get(this.#table.get(sender));
    if (buffer[0] === CLOSE && known) this.#close(known.link);
    return known?.link ?? this.#open(sender);
  }

  fromOrigin(): boolean {
    return true;
  }

  unreachable(link: UdpLink): void {
    this.refusals.push(link.id);
    this.#close(link);
  }

  tick(): void {
    if (this.failure) throw this.failure;
  }

  #open(sender: Uint8Array): UdpLink {
    const link = this.#engine.openLink(this.#origin);
    link.setClient(sender);
    this.#table.set(sender, link.id);
    this.#links.set(link.id, { link, client: sender.slice() });
    return link;
  }

  #close(link: UdpLink): void {
    const known = this.#links.get(link.id);
    if (known) this.#table.delete(known.client);
    this.#links.delete(link.id);
    link.close();
  }
}
