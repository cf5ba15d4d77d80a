// The connected sockets of the libc engine, one per session: opened, watched by epoll(7), found again
// by what epoll reports, closed. Knows nothing of batches in flight but which slots wait for a link.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import * as c from "./libc.ts";
import { openConnected } from "./libc_socket.ts";
import { LinkIds } from "./link_ids.ts";
import { BATCH } from "./message_batch.ts";
import type { UdpDrops, UdpLink } from "./port.ts";
import { sockaddrLength, writeSockaddr } from "./sockaddr.ts";

export interface LinkSurroundings {
  readonly libc: c.Libc;
  readonly epoll: number;
  /** Family of the front socket, in which clients' addresses are kept. */
  readonly family: number;
  readonly maxLinks: number;
  readonly drops: UdpDrops;
}

export class LibcLinks {
  /** Next slot of the batch for the same link, by slot. */
  readonly nextSlot = new Int32Array(BATCH);
  readonly #surroundings: LinkSurroundings;
  readonly #links: (LibcLink | undefined)[] = [];
  readonly #ids: LinkIds;
  #generation = 0;

  constructor(surroundings: LinkSurroundings) {
    this.#surroundings = surroundings;
    this.#ids = new LinkIds(surroundings.maxLinks);
  }

  /** @throws ProxyError as `UdpEngine.openLink` does */
  open(origin: Address): LibcLink {
    return this.#ids.openWith((id) => {
      const { libc, epoll } = this.#surroundings;
      const fd = openConnected(libc, origin);
      const link = new LibcLink(this, { id, fd, generation: this.#generation++ | 0 });
      if (!watch(libc, { epoll, fd, tag: id, generation: link.generation })) {
        libc.close(fd);
        throw new ProxyError("overloaded", "Cannot watch another socket now");
      }
      this.#links[id] = link;
      return link;
    });
  }

  /** The link that an event is about; undefined when it has been closed meanwhile. */
  find(id: number, generation: number): LibcLink | undefined {
    const link = this.#links[id];
    return link?.generation === generation ? link : undefined;
  }

  closeAll(): void {
    for (const link of this.#links) link?.close();
  }

  /** For LibcLink alone. */
  get surroundings(): LinkSurroundings {
    return this.#surroundings;
  }

  /** For LibcLink alone. */
  remove(link: LibcLink): void {
    this.#surroundings.libc.close(link.fd);
    this.#links[link.id] = undefined;
    this.#ids.takeBack(link.id);
  }
}

/** See `UdpLink`. */
export class LibcLink implements UdpLink {
  readonly id: number;
  readonly fd: number;
  readonly generation: number;
  /** First and last slot of the batch that waits for this link; -1 = none. */
  head = -1;
  tail = -1;
  isClosed = false;
  /** Socket address of the client; `hasClient` tells whether it is one. */
  readonly client = new Int32Array(c.SOCKADDR_SIZE / 4);
  hasClient = false;
  readonly #links: LibcLinks;

  constructor(
    links: LibcLinks,
    { id, fd, generation }: { id: number; fd: number; generation: number },
  ) {
    this.#links = links;
    this.id = id;
    this.fd = fd;
    this.generation = generation;
  }

  setClient(raw: Uint8Array): void {
    const { family } = this.#links.surroundings;
    writeSockaddr(raw, family, new Uint8Array(this.client.buffer), 0);
    this.hasClient = true;
  }

  /** Bytes of `client` that count. */
  get clientLength(): number {
    return sockaddrLength(this.#links.surroundings.family);
  }

  send(bytes: Uint8Array): void {
    if (this.isClosed) return;
    const { libc, drops } = this.#links.surroundings;
    const data = bytes as Uint8Array<ArrayBuffer>;
    if (libc.send(this.fd, data, BigInt(bytes.length), c.MSG_DONTWAIT) >= 0) return;
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

/** Has epoll report what can be read from a descriptor. @returns false when the system cannot */
export function watch(
  libc: c.Libc,
  { epoll, fd, tag, generation }: { epoll: number; fd: number; tag: number; generation: number },
): boolean {
  const event = new Uint8Array(c.EPOLL_EVENT_SIZE);
  const view = new DataView(event.buffer);
  view.setUint32(0, c.EPOLLIN, true);
  view.setInt32(c.EPOLL_EVENT_DATA, tag, true);
  view.setInt32(c.EPOLL_EVENT_DATA + 4, generation, true);
  return libc.epoll_ctl(epoll, c.EPOLL_CTL_ADD, fd, event) === 0;
}
