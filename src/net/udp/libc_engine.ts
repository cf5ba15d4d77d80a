// The UDP engine on Linux: recvmmsg(2) and sendmmsg(2) through FFI, in an event loop that serves others
// too. What is received is sent on from the same memory. Every socket gets its turn in each round, however
// much another has to read.

import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { EventLoop, RoundEnd, Watched } from "../libc/event_loop.ts";
import * as c from "./libc.ts";
import { countFailure, type LibcLink, LibcLinks } from "./libc_links.ts";
import { adoptFront, type FrontSocket, openFront, takeError } from "./libc_socket.ts";
import { BATCH, ReceivedBatch, SendList, SlotDatagram } from "./message_batch.ts";
import { SOON } from "./port.ts";
import type { UdpDrops, UdpEngine, UdpEngineOptions, UdpLink, UdpRelay } from "./port.ts";
import { noDrops } from "./drops.ts";
import { sockaddrLength, writeSockaddr } from "./sockaddr.ts";

/** Most datagrams read from one link in a round. */
const LINK_SHARE = 16;
/** At this rate, in datagrams per millisecond measured over this time, the thread rests after rounds of few. */
const BUSY = 15;
const BUSY_TIME = 100;
const FEW = BATCH / 2;
const NOBODY: Uint8Array<ArrayBuffer> = new Uint8Array();

/** See `UdpEngine`. Works only while the loop runs; what a relay throws is thrown in the loop. */
export class LibcEngine implements UdpEngine, Watched, RoundEnd {
  readonly kind = "libc";
  readonly address: Address;
  readonly drops: UdpDrops = noDrops();
  readonly buffers: UdpEngine["buffers"];
  readonly #loop: EventLoop;
  readonly #libc: c.Libc;
  readonly #front: FrontSocket;
  readonly #options: UdpEngineOptions;
  readonly #links: LibcLinks;
  readonly #batch = new ReceivedBatch();
  readonly #toClients = new SendList(this.#batch, true);
  readonly #toOrigin = new SendList(this.#batch, false);
  readonly #datagram = new SlotDatagram();
  readonly #clientSender = this.#datagram.sender;
  readonly #name = new Uint8Array(c.SOCKADDR_SIZE);
  /** Links with slots of this batch; emptying an array would free what the next batch needs. */
  readonly #waiting: LibcLink[] = [];
  #waitingCount = 0;
  readonly #end = Promise.withResolvers<void>();
  #relay: UdpRelay | undefined;
  #isClosed = false;
  /** Counts rounds in which something was ready. */
  #rounds = 0;
  /** In this round: events, slots of the batch that are taken, whether clients have sent something. */
  #events = 0;
  #filled = 0;
  #hasFront = false;
  /** Datagrams received in this round; those received before it, and since when; whether the rate is high. */
  #moved = 0;
  #received = 0;
  #countedSince = 0;
  #isBusy = false;
  #soon: Disposable | undefined;

  /** @throws ProxyError `internal` when the port cannot be bound */
  constructor(loop: EventLoop, options: UdpEngineOptions) {
    this.#loop = loop;
    this.#libc = loop.libc;
    this.#options = options;
    const { listen, reusePort = false, front } = options;
    this.#front = front === undefined
      ? openFront(loop.libc, listen, reusePort)
      : adoptFront(loop.libc, front);
    this.address = this.#front.address;
    this.buffers = this.#front.buffers;
    const { family } = this.#front;
    const { maxLinks } = options;
    const { drops } = this;
    const ready = (link: LibcLink, events: number) => this.#readLink(link, events);
    this.#links = new LibcLinks({ loop, family, maxLinks, drops, ready });
    if (!loop.watch(this.#front.fd, this, c.EPOLLIN)) {
      this.#closeFront();
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
    const nameSize = sockaddrLength(family);
    const flags = c.MSG_DONTWAIT;
    if (this.#libc.sendto(fd, data, bytes.length, flags, this.#name, nameSize) >= 0) return;
    countFailure(this.#loop.errno, this.drops, "clientFull");
  }

  now(): number {
    return this.#options.clock.now();
  }

  async run(relay: UdpRelay): Promise<void> {
    const { clock, tick } = this.#options;
    this.#relay = relay;
    using _ticker = clock.every(tick, () => relay.tick(clock.now()));
    await this.#end.promise;
  }

  tickSoon(): void {
    const { clock } = this.#options;
    this.#soon ??= clock.after(SOON, () => {
      this.#soon = undefined;
      this.#relay?.tick(clock.now());
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#soon?.[Symbol.dispose]();
    this.#links.closeAll();
    this.#loop.unwatch(this.#front.fd);
    this.#closeFront();
    this.#end.resolve();
    this.#loop.announce();
  }

  // Only noted: origins are read first, since their datagrams fill the batch that is sent at once.
  ready(): void {
    if (this.#relay === undefined) return;
    this.#hasFront = true;
    this.#countEvent();
  }

  roundEnd(): void {
    const events = this.#events;
    this.#events = 0;
    this.#rounds = (this.#rounds + 1) | 0;
    if (this.#isClosed) return;
    this.#flushToClients();
    if (this.#hasFront) this.#readFront(this.#relay!);
    this.#hasFront = false;
    if (this.#isBusy && this.#moved < FEW) this.#loop.rest(events);
    this.#count();
  }

  #count(): void {
    const time = this.now() - this.#countedSince;
    this.#received += this.#moved;
    this.#moved = 0;
    if (time < BUSY_TIME) return;
    this.#isBusy = this.#received / time >= BUSY;
    this.#received = 0;
    this.#countedSince += time;
  }

  #closeFront(): void {
    if (this.#options.front === undefined) this.#libc.close(this.#front.fd);
  }

  #countEvent(): void {
    if (this.#events++ === 0) this.#loop.atRoundEnd(this);
  }

  #readLink(link: LibcLink, events: number): void {
    const relay = this.#relay;
    if (relay === undefined) return;
    this.#countEvent();
    if (events & c.EPOLLERR) this.#takeLinkError(relay, link);
    if (link.isClosed) return;
    if (this.#filled === BATCH) this.#flushToClients();
    const first = this.#filled;
    const count = this.#receive(link, first);
    // A refusal that arrived after epoll looked is reported by this call only.
    if (count < 0 && this.#loop.errno === c.ECONNREFUSED) relay.unreachable(link);
    if (count <= 0) return;
    this.#filled += count;
    this.#moved += count;
    this.#datagram.sender = NOBODY;
    for (let slot = first; slot < first + count; slot++) this.#decideForClient(relay, link, slot);
  }

  /**
   * Receives one datagram from a link that was not read in the round before, since more of them at a
   * time are rare and looking for another costs half of what receiving one does.
   */
  #receive(link: LibcLink, first: number): number {
    const wasSilent = link.lastRound !== this.#rounds - 1;
    link.lastRound = this.#rounds;
    if (wasSilent && !this.#isBusy) return this.#batch.receiveOne(this.#libc, link.fd, first);
    const wanted = Math.min(LINK_SHARE, BATCH - first);
    return this.#batch.receive(this.#libc, link.fd, first, wanted);
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
    this.#moved += count;
    this.#datagram.sender = this.#clientSender;
    for (let slot = 0; slot < count; slot++) {
      if (!this.#show(slot)) continue;
      batch.readSender(slot, this.#clientSender);
      const link = relay.fromClient(this.#datagram) as LibcLink | undefined;
      if (link?.queue(slot)) this.#waiting[this.#waitingCount++] = link;
    }
    const overflow = batch.overflow(count - 1);
    if (overflow >= 0) this.drops.receiveOverflow = overflow;
    for (let at = 0; at < this.#waitingCount; at++) this.#flushToOrigin(this.#waiting[at]!);
    this.#waitingCount = 0;
  }

  /** Points the datagram to a slot. @returns false when it was truncated */
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
    if (!this.#flush(this.#toOrigin, link.fd, "originFull")) this.#relay?.unreachable(link);
  }

  /** Sends everything in the batch, which is free afterwards. */
  #flushToClients(): void {
    this.#filled = 0;
    if (this.#toClients.length > 0) this.#flush(this.#toClients, this.#front.fd, "clientFull");
  }

  /**
   * Sends a whole list; what cannot be sent is counted and skipped.
   *
   * @returns false when the far end refuses
   */
  #flush(list: SendList, fd: number, full: "clientFull" | "originFull"): boolean {
    let isTaken = true;
    for (let first = 0; first < list.length;) {
      const sent = list.send(this.#libc, fd, first);
      first += Math.max(sent, 1);
      if (sent > 0) continue;
      const errno = this.#loop.errno;
      countFailure(errno, this.drops, full);
      if (errno === c.ECONNREFUSED) isTaken = false;
    }
    list.clear();
    return isTaken;
  }

  #takeLinkError(relay: UdpRelay, link: LibcLink): void {
    if (takeError(this.#libc, link.fd) === c.ECONNREFUSED) relay.unreachable(link);
  }
}
