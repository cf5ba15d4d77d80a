// The UDP engine on Linux: epoll(7), recvmmsg(2) and sendmmsg(2) through FFI. It blocks its thread
// while nothing comes, so it belongs into a Worker. What is received is sent on from the same
// memory. Every socket gets its turn in each round, however much another one has to read.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import { macroTurn } from "./macro_turn.ts";
import * as c from "./libc.ts";
import { countFailure, type LibcLink, LibcLinks, watch } from "./libc_links.ts";
import { type FrontSocket, openFront, takeError } from "./libc_socket.ts";
import { BATCH, ReceivedBatch, SendList, SlotDatagram } from "./message_batch.ts";
import type { UdpDrops, UdpEngine, UdpEngineOptions, UdpLink, UdpRelay } from "./port.ts";
import { noDrops } from "./drops.ts";
import { sockaddrLength, writeSockaddr } from "./sockaddr.ts";

/** Tags of what epoll watches beside links, whose tags are their ids. */
const FRONT = -1;
const WAKE = -2;

/** Datagrams read from one link in a round. */
const LINK_SHARE = 16;
/** How often the event loop gets a turn even if nobody asks for it, milliseconds. */
const TURN_INTERVAL = 1_000;
/**
 * From this many datagrams a millisecond on, the thread rests for some microseconds after each round of
 * few: waking for every single one would cost more than moving it.
 */
const BUSY = 15;
const PAUSE = 200;
const FEW = BATCH / 2;
/** A signal interrupts a wait once; what fails this often in a row would fail forever. */
const MAX_FAILURES = 1_000;
const NOBODY: Uint8Array<ArrayBuffer> = new Uint8Array();

/** See `UdpEngine`. */
export class LibcEngine implements UdpEngine {
  readonly kind = "libc";
  readonly address: Address;
  readonly drops: UdpDrops = noDrops();
  readonly buffers: UdpEngine["buffers"];
  readonly #libc: c.Libc;
  readonly #front: FrontSocket;
  readonly #epoll: number;
  readonly #options: UdpEngineOptions;
  readonly #links: LibcLinks;
  readonly #batch = new ReceivedBatch();
  readonly #toClients = new SendList(this.#batch, true);
  readonly #toOrigin = new SendList(this.#batch, false);
  readonly #datagram = new SlotDatagram();
  readonly #clientSender = this.#datagram.sender;
  readonly #events = new Uint8Array(BATCH * c.EPOLL_EVENT_SIZE);
  readonly #eventView = new DataView(this.#events.buffer);
  readonly #name = new Uint8Array(c.SOCKADDR_SIZE);
  readonly #wakeCount = new Uint8Array(8);
  /** Links with slots of this batch. */
  readonly #waiting: LibcLink[] = [];
  #relay: UdpRelay | undefined;
  /** Whether the last round was one of messages alone. */
  #hadMail = false;
  #now: number;
  #closing = false;
  /** Waits that have failed in a row. */
  #failures = 0;
  /** Datagrams received since the last tick, and whether there were many before it. */
  #received = 0;
  #isBusy = false;

  /** @throws ProxyError `internal` when the port cannot be bound */
  constructor(libc: c.Libc, options: UdpEngineOptions) {
    this.#now = options.clock.now();
    this.#libc = libc;
    this.#options = options;
    this.#front = openFront(libc, options.listen, options.reusePort ?? false);
    this.address = this.#front.address;
    this.buffers = this.#front.buffers;
    this.#epoll = libc.epoll_create1(c.EFD_CLOEXEC);
    const { family } = this.#front;
    const { maxLinks } = options;
    const { drops } = this;
    this.#links = new LibcLinks({ libc, epoll: this.#epoll, family, maxLinks, drops });
    if (!this.#watchOwn()) {
      this.#free();
      throw new ProxyError("internal", "Cannot watch the UDP socket");
    }
  }

  openLink(origin: Address): UdpLink {
    return this.#links.open(origin);
  }

  sendToClient(raw: Uint8Array, bytes: Uint8Array): void {
    const { fd, family } = this.#front;
    writeSockaddr(raw, family, this.#name, 0);
    const data = bytes as Uint8Array<ArrayBuffer>;
    const size = BigInt(bytes.length);
    const nameSize = sockaddrLength(family);
    if (this.#libc.sendto(fd, data, size, c.MSG_DONTWAIT, this.#name, nameSize) >= 0) return;
    countFailure(c.errnoOf(this.#libc), this.drops, "clientFull");
  }

  now(): number {
    return this.#now;
  }

  async run(relay: UdpRelay, takeMail = macroTurn): Promise<void> {
    this.#relay = relay;
    let nextTick = this.#now + this.#options.tick;
    let lastTick = this.#now;
    let nextTurn = this.#now;
    try {
      while (!this.#closing) {
        const before = this.#received;
        const isWoken = this.#round(relay, Math.max(0, Math.ceil(nextTick - this.#now)));
        if (isWoken) await takeMail();
        else if (this.#isBusy && this.#received - before < FEW) this.#libc.usleep(PAUSE);
        if (this.#now < nextTick) continue;
        this.#isBusy = this.#received / (this.#now - lastTick) >= BUSY;
        this.#received = 0;
        lastTick = this.#now;
        nextTick = this.#now + this.#options.tick;
        relay.tick(this.#now);
        if (this.#options.wake !== undefined && this.#now < nextTurn) continue;
        nextTurn = this.#now + TURN_INTERVAL;
        await macroTurn();
      }
    } finally {
      this.#free();
    }
  }

  close(): void {
    this.#closing = true;
  }

  /** Without a descriptor for epoll this fails too. */
  #watchOwn(): boolean {
    const { wake } = this.#options;
    const own = { epoll: this.#epoll, generation: 0 };
    return watch(this.#libc, { ...own, fd: this.#front.fd, tag: FRONT }) &&
      (wake === undefined || watch(this.#libc, { ...own, fd: wake, tag: WAKE }));
  }

  /**
   * Waits for datagrams and moves them. What other threads have said goes first: a session is told
   * of before its client is.
   *
   * @returns whether another thread has woken this one, and nothing was moved
   */
  #round(relay: UdpRelay, timeout: number): boolean {
    const count = this.#libc.epoll_wait(this.#epoll, this.#events, BATCH, timeout);
    this.#failures = count < 0 ? this.#failures + 1 : 0;
    if (this.#failures > MAX_FAILURES) this.#fail();
    this.#now = this.#options.clock.now();
    // Never twice in a row, so that those who wake it cannot keep it from its work.
    const hadMail = this.#hadMail;
    this.#hadMail = !hadMail && this.#takeWake(count);
    if (!this.#hadMail) this.#move(relay, count);
    return this.#hadMail;
  }

  #fail(): never {
    const cause = new Error(`epoll_wait failed: error ${c.errnoOf(this.#libc)}`);
    throw new ProxyError("internal", "Cannot wait for datagrams", { cause });
  }

  #takeWake(count: number): boolean {
    const { wake } = this.#options;
    if (wake === undefined) return false;
    for (let event = 0; event < count; event++) {
      if (this.#tagOf(event) === WAKE) return this.#libc.read(wake, this.#wakeCount, 8n) > 0;
    }
    return false;
  }

  #tagOf(event: number): number {
    return this.#eventView.getInt32(event * c.EPOLL_EVENT_SIZE + c.EPOLL_EVENT_DATA, true);
  }

  #move(relay: UdpRelay, count: number): void {
    let filled = 0;
    let hasFront = false;
    for (let event = 0; event < count; event++) {
      const tag = this.#tagOf(event);
      if (tag === FRONT) hasFront = true;
      else if (tag !== WAKE) filled = this.#readLink(relay, event * c.EPOLL_EVENT_SIZE, filled);
    }
    this.#flushToClients();
    if (hasFront) this.#readFront(relay);
  }

  /** @returns how many slots of the batch are taken now */
  #readLink(relay: UdpRelay, event: number, filled: number): number {
    const id = this.#eventView.getInt32(event + c.EPOLL_EVENT_DATA, true);
    const generation = this.#eventView.getInt32(event + c.EPOLL_EVENT_DATA + 4, true);
    const link = this.#links.find(id, generation);
    if (link === undefined) return filled;
    if (this.#eventView.getUint32(event, true) & c.EPOLLERR) this.#takeLinkError(relay, link);
    if (link.isClosed) return filled;
    let first = filled;
    if (first === BATCH) {
      this.#flushToClients();
      first = 0;
    }
    const wanted = Math.min(LINK_SHARE, BATCH - first);
    const count = this.#batch.receive(this.#libc, link.fd, first, wanted);
    if (count <= 0) return first;
    this.#received += count;
    this.#datagram.sender = NOBODY;
    for (let slot = first; slot < first + count; slot++) this.#decideForClient(relay, link, slot);
    return first + count;
  }

  #decideForClient(relay: UdpRelay, link: LibcLink, slot: number): void {
    if (link.isClosed || !this.#show(slot)) return;
    if (!relay.fromOrigin(link, this.#datagram)) return;
    if (!link.hasClient) {
      this.drops.noClient++;
      return;
    }
    this.#toClients.add(slot, this.#datagram.length);
    this.#toClients.addressLast(link.client, link.clientLength);
  }

  #readFront(relay: UdpRelay): void {
    const batch = this.#batch;
    const count = batch.receive(this.#libc, this.#front.fd, 0, BATCH);
    if (count <= 0) return;
    this.#received += count;
    this.#datagram.sender = this.#clientSender;
    for (let slot = 0; slot < count; slot++) {
      if (!this.#show(slot)) continue;
      batch.readSender(slot, this.#clientSender);
      const link = relay.fromClient(this.#datagram) as LibcLink | undefined;
      if (link?.queue(slot)) this.#waiting.push(link);
    }
    const overflow = batch.overflow(count - 1);
    if (overflow >= 0) this.drops.receiveOverflow = overflow;
    for (const link of this.#waiting) this.#flushToOrigin(link);
    this.#waiting.length = 0;
  }

  /** Points the datagram to a slot. @returns false when it was cut short */
  #show(slot: number): boolean {
    if (this.#batch.isTruncated(slot)) {
      this.drops.truncated++;
      return false;
    }
    this.#datagram.buffer = this.#batch.buffers[slot]!;
    this.#datagram.length = this.#batch.length(slot);
    return true;
  }

  #flushToOrigin(link: LibcLink): void {
    const { nextSlot } = this.#links;
    const { head } = link;
    link.head = -1;
    if (link.isClosed) return;
    for (let slot = head; slot >= 0; slot = nextSlot[slot]!) {
      this.#toOrigin.add(slot, this.#batch.length(slot));
    }
    if (!this.#flush(this.#toOrigin, link.fd, "originFull")) this.#relay?.refused(link);
  }

  #flushToClients(): void {
    if (this.#toClients.length > 0) this.#flush(this.#toClients, this.#front.fd, "clientFull");
  }

  /**
   * Sends a whole list; what cannot be sent is counted and passed over.
   *
   * @returns false when the far end refuses
   */
  #flush(list: SendList, fd: number, full: "clientFull" | "originFull"): boolean {
    let isTaken = true;
    for (let first = 0; first < list.length;) {
      const sent = list.send(this.#libc, fd, first);
      first += Math.max(sent, 1);
      if (sent > 0) continue;
      const errno = c.errnoOf(this.#libc);
      countFailure(errno, this.drops, full);
      if (errno === c.ECONNREFUSED) isTaken = false;
    }
    list.clear();
    return isTaken;
  }

  #takeLinkError(relay: UdpRelay, link: LibcLink): void {
    if (takeError(this.#libc, link.fd) === c.ECONNREFUSED) relay.refused(link);
  }

  #free(): void {
    this.#links.closeAll();
    this.#libc.close(this.#front.fd);
    if (this.#epoll >= 0) this.#libc.close(this.#epoll);
  }
}
