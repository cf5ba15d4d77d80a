// A UDP engine without sockets whose clock the test moves: what a forwarder decides is seen at once
// and in order.

import { ProxyError } from "../../src/core/errors.ts";
import type { Address } from "../../src/core/address.ts";
import { noDrops } from "../../src/net/udp/drops.ts";
import type { Datagram, UdpEngine, UdpEngineOptions, UdpLink } from "../../src/net/udp/port.ts";
import { fromRawAddress, toRawAddress } from "../../src/net/udp/raw_address.ts";

/** A link that records what is sent over it. */
export class ManualLink implements UdpLink {
  readonly id: number;
  readonly origin: Address;
  readonly sent: Uint8Array[] = [];
  client: Address | undefined;
  isClosed = false;
  readonly #onClose: (link: ManualLink) => void;

  constructor(id: number, origin: Address, onClose: (link: ManualLink) => void) {
    this.id = id;
    this.origin = origin;
    this.#onClose = onClose;
  }

  setClient(raw: Uint8Array): void {
    this.client = fromRawAddress(raw);
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes.slice());
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#onClose(this);
  }
}

export class ManualEngine implements UdpEngine {
  readonly kind = "deno";
  readonly address: Address = { host: "127.0.0.1", port: 8000 };
  readonly buffers = { receive: 0, send: 0 };
  readonly drops = noDrops();
  /** The open links, by id. */
  readonly links: (ManualLink | undefined)[] = [];
  /** Hosts to which there is no route. */
  readonly noWayTo: string[] = [];
  /** Milliseconds. */
  time = 1_000;
  readonly #maxLinks: UdpEngineOptions["maxLinks"];

  constructor(maxLinks: number) {
    this.#maxLinks = maxLinks;
  }

  /** How many links are open. */
  get open(): number {
    return this.links.filter((link) => link !== undefined).length;
  }

  openLink(origin: Address): ManualLink {
    if (this.open >= this.#maxLinks) throw new ProxyError("overloaded", "Cannot open another");
    if (this.noWayTo.includes(origin.host)) {
      throw new ProxyError("origin_unreachable", "Cannot reach the origin");
    }
    const free = this.links.indexOf(undefined);
    const id = free < 0 ? this.links.length : free;
    const link = new ManualLink(id, origin, () => this.links[id] = undefined);
    this.links[id] = link;
    return link;
  }

  sendToClient(_raw: Uint8Array, _bytes: Uint8Array): void {}

  now(): number {
    return this.time;
  }

  /** Tests call `tick` themselves. */
  tickSoon(): void {}

  run(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

/** An engine that records every opened link and what clients are sent. */
export class RecordingEngine extends ManualEngine {
  readonly opened: ManualLink[] = [];
  readonly toClients: Uint8Array[] = [];
  /** Whether another socket can be opened. */
  hasRoom = true;

  override openLink(origin: Address): ManualLink {
    if (!this.hasRoom) throw new ProxyError("overloaded", "Cannot open another");
    const link = super.openLink(origin);
    this.opened.push(link);
    return link;
  }

  override sendToClient(_raw: Uint8Array, bytes: Uint8Array): void {
    this.toClients.push(bytes.slice());
  }
}

/** A datagram as an engine passes it. @param from its sender; undefined for an origin's */
export function datagramOf(bytes: Uint8Array, from?: Address): Datagram {
  const buffer = new Uint8Array(2048);
  buffer.set(bytes);
  const sender = from === undefined ? new Uint8Array() : toRawAddress(from);
  return { buffer, length: bytes.length, sender };
}
