// The connected sockets of the libc engine, one per session: opened, watched by the loop, closed. Of a
// batch in progress they only know which slots wait for a link.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { EventLoop, Watched } from "../libc/event_loop.ts";
import * as c from "./libc.ts";
import { openConnected } from "./libc_socket.ts";
import { LinkIds } from "./link_ids.ts";
import { BATCH } from "./message_batch.ts";
import type { UdpDrops, UdpLink } from "./port.ts";
import { sockaddrLength, writeSockaddr } from "./sockaddr.ts";

export interface LinkSurroundings {
  readonly loop: EventLoop;
  /** Family of the front socket, in which clients' addresses are kept. */
  readonly family: number;
  readonly maxLinks: number;
  readonly drops: UdpDrops;
  /** A link can be read, or has failed: `events` of epoll. */
  ready(link: LibcLink, events: number): void;
}

export class LibcLinks {
  /** For each slot, the next slot of the batch for the same link. */
  readonly nextSlot = new Int32Array(BATCH);
  readonly #surroundings: LinkSurroundings;
  readonly #links = new Set<LibcLink>();
  readonly #ids: LinkIds;

  constructor(surroundings: LinkSurroundings) {
    this.#surroundings = surroundings;
    this.#ids = new LinkIds(surroundings.maxLinks);
  }

  /** @throws ProxyError as `UdpEngine.openLink` does */
  open(origin: Address): LibcLink {
    return this.#ids.openWith((id) => {
      const { loop } = this.#surroundings;
      const fd = openConnected(loop.libc, origin);
      const link = new LibcLink(this, id, fd);
      if (!loop.watch(fd, link, c.EPOLLIN)) {
        loop.libc.close(fd);
        throw new ProxyError("overloaded", "Cannot watch another socket now");
      }
      this.#links.add(link);
      return link;
    });
  }

  closeAll(): void {
    for (const link of this.#links) link.close();
  }

  /** For LibcLink only. */
  get surroundings(): LinkSurroundings {
    return this.#surroundings;
  }

  /** For LibcLink only. */
  remove(link: LibcLink): void {
    const { loop } = this.#surroundings;
    loop.unwatch(link.fd);
    loop.libc.close(link.fd);
    this.#links.delete(link);
    this.#ids.takeBack(link.id);
  }
}

/** See `UdpLink`. */
export class LibcLink implements UdpLink, Watched {
  readonly id: number;
  readonly fd: number;
  /** First and last slot of the batch that waits for this link; -1 = none. */
  head = -1;
  tail = -1;
  isClosed = false;
  /** The engine's round in which it could last be read. */
  lastRound = -2;
  /** Socket address of the client, valid if `hasClient`. */
  readonly client = new Int32Array(c.SOCKADDR_SIZE / 4);
  hasClient = false;
  readonly #links: LibcLinks;

  constructor(links: LibcLinks, id: number, fd: number) {
    this.#links = links;
    this.id = id;
    this.fd = fd;
  }

  ready(events: number): void {
    this.#links.surroundings.ready(this, events);
  }

  setClient(raw: Uint8Array): void {
    const { family } = this.#links.surroundings;
    writeSockaddr(raw, family, new Uint8Array(this.client.buffer), 0);
    this.hasClient = true;
  }

  /** Length of the address in `client` in bytes. */
  get clientLength(): number {
    return sockaddrLength(this.#links.surroundings.family);
  }

  send(bytes: Uint8Array): void {
    if (this.isClosed) return;
    const { loop: { libc }, drops } = this.#links.surroundings;
    const data = bytes as Uint8Array<ArrayBuffer>;
    if (libc.send(this.fd, data, bytes.length, c.MSG_DONTWAIT) >= 0) return;
    countFailure(c.errnoOf(libc), drops, "originFull");
  }

  /** Queues a slot of the batch. @returns whether it is the link's first */
  queue(slot: number): boolean {
    const { nextSlot } = this.#links;
    nextSlot[slot] = -1;
    const isFirst = this.head < 0;
    if (isFirst) this.head = slot;
    else nextSlot[this.tail] = slot;
    this.tail = slot;
    return isFirst;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#links.remove(this);
  }
}

/** Counts a datagram that could not be sent. */
export function countFailure(
  errno: number,
  drops: UdpDrops,
  full: "clientFull" | "originFull",
): void {
  drops[errno === c.EAGAIN || errno === c.ENOBUFS ? full : "failed"]++;
}
