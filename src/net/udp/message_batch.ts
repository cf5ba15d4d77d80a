// Memory for one batch of datagrams: the buffers into which recvmmsg(2) receives, and the lists from which
// sendmmsg(2) sends the same memory. All of it is allocated once.

import * as c from "./libc.ts";
import { type Datagram, MAX_DATAGRAM, RAW_ADDRESS } from "./port.ts";
import { readSockaddr } from "./sockaddr.ts";

/** Most datagrams in a batch. */
export const BATCH = 64;

const HEADER_WORDS = c.MMSGHDR_SIZE / 4;

/** Received datagrams by slot, 0 to BATCH − 1. */
export class ReceivedBatch {
  /** The buffer of each slot. */
  readonly buffers: readonly Uint8Array<ArrayBuffer>[];
  /** Address of each buffer, as two words: low, high. */
  readonly pointers: Uint32Array;
  readonly #names = new Uint8Array(BATCH * c.SOCKADDR_SIZE);
  readonly #controls = new Uint8Array(BATCH * c.CONTROL_SIZE);
  readonly #iovecs: Uint8Array<ArrayBuffer>;
  readonly #words: Uint32Array;
  /** For each slot, the headers from there on. */
  readonly #headers: readonly Uint8Array<ArrayBuffer>[];
  /** Headers from this slot on are still in their initial state; the kernel writes into those it fills. */
  #written = BATCH;
  readonly #controlView = new DataView(this.#controls.buffer);

  constructor() {
    const payload = new Uint8Array(BATCH * MAX_DATAGRAM);
    this.buffers = slices(payload, MAX_DATAGRAM);
    const base = c.pointerOf(payload);
    const pointers = BigUint64Array.from(
      { length: BATCH },
      (_, slot) => base + BigInt(slot * MAX_DATAGRAM),
    );
    this.pointers = new Uint32Array(pointers.buffer);
    this.#iovecs = iovecs(pointers);
    const headers = new Uint8Array(BATCH * c.MMSGHDR_SIZE);
    this.#words = new Uint32Array(headers.buffer);
    this.#headers = tails(headers, c.MMSGHDR_SIZE);
    layOut(headers, {
      names: this.#names,
      iovecs: this.#iovecs,
      controls: this.#controls,
    });
  }

  /**
   * Receives at most `count` datagrams into the slots from `first` on.
   *
   * @returns how many were received; -1 when there are none or the call failed
   */
  receive(libc: c.Libc, fd: number, first: number, count: number): number {
    const end = first + count;
    for (let slot = first; slot < end && slot < this.#written; slot++) {
      const at = slot * HEADER_WORDS;
      this.#words[at + c.MSG_NAMELEN / 4] = c.SOCKADDR_SIZE;
      this.#words[at + c.MSG_CONTROLLEN / 4] = c.CONTROL_SIZE;
    }
    const received = libc.recvmmsg(fd, this.#headers[first]!, count, c.MSG_DONTWAIT, null);
    if (this.#written <= end) this.#written = first + Math.max(received, 0);
    return received;
  }

  /**
   * Receives one datagram into a slot from a connected socket, without its sender's address.
   *
   * @returns 1, or -1 when there is none or the call failed
   */
  receiveOne(libc: c.Libc, fd: number, slot: number): number {
    const flags = c.MSG_DONTWAIT | c.MSG_TRUNC;
    const length = libc.recv(fd, this.buffers[slot]!, MAX_DATAGRAM, flags);
    if (length < 0) return -1;
    const at = slot * HEADER_WORDS;
    this.#words[at + c.MSG_LEN / 4] = Math.min(length, MAX_DATAGRAM);
    this.#words[at + c.MSG_FLAGS / 4] = length > MAX_DATAGRAM ? c.MSG_TRUNC : 0;
    return 1;
  }

  length(slot: number): number {
    return this.#words[slot * HEADER_WORDS + c.MSG_LEN / 4]!;
  }

  isTruncated(slot: number): boolean {
    return (this.#words[slot * HEADER_WORDS + c.MSG_FLAGS / 4]! & c.MSG_TRUNC) !== 0;
  }

  /** Total of datagrams that the socket has lost, if reported with this one; otherwise -1. */
  overflow(slot: number): number {
    const at = slot * HEADER_WORDS + c.MSG_CONTROLLEN / 4;
    if (this.#words[at]! < c.CMSG_DATA + 4) return -1;
    const control = slot * c.CONTROL_SIZE;
    if (this.#controlView.getInt32(control + 12, true) !== c.SO_RXQ_OVFL) return -1;
    return this.#controlView.getUint32(control + c.CMSG_DATA, true);
  }

  /** Copies the sender's address, in the form of `Datagram.sender`. */
  readSender(slot: number, raw: Uint8Array): void {
    readSockaddr(this.#names, slot * c.SOCKADDR_SIZE, raw);
  }
}

/** Slots to be sent from one socket. */
export class SendList {
  #length = 0;
  readonly #batch: ReceivedBatch;
  readonly #names = new Uint8Array(BATCH * c.SOCKADDR_SIZE);
  readonly #nameWords = new Int32Array(this.#names.buffer);
  /** For each entry, the addresses from there on; undefined if they have none. */
  readonly #namesFrom: readonly Uint8Array<ArrayBuffer>[] | undefined;
  /** For each entry, its slot. */
  readonly #slots = new Uint8Array(BATCH);
  readonly #iovecs = new Uint8Array(BATCH * c.IOVEC_SIZE);
  readonly #iovecWords = new Uint32Array(this.#iovecs.buffer);
  readonly #headers: readonly Uint8Array<ArrayBuffer>[];
  readonly #words: Uint32Array;

  /** @param isNamed whether each datagram has an address of its own */
  constructor(batch: ReceivedBatch, isNamed: boolean) {
    this.#batch = batch;
    const headers = new Uint8Array(BATCH * c.MMSGHDR_SIZE);
    this.#words = new Uint32Array(headers.buffer);
    this.#headers = tails(headers, c.MMSGHDR_SIZE);
    layOut(headers, { iovecs: this.#iovecs, ...(isNamed ? { names: this.#names } : {}) });
    this.#namesFrom = isNamed ? tails(this.#names, c.SOCKADDR_SIZE) : undefined;
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Adds a slot to the list, which must have room; its buffer must not change until sent. */
  add(slot: number, length: number): void {
    this.#slots[this.#length] = slot;
    const at = this.#length++ * (c.IOVEC_SIZE / 4);
    this.#iovecWords[at] = this.#batch.pointers[2 * slot]!;
    this.#iovecWords[at + 1] = this.#batch.pointers[2 * slot + 1]!;
    this.#iovecWords[at + 2] = length;
  }

  /** Sets the address of the slot added last. @param name a socket address of `nameLength` bytes */
  addressLast(name: Int32Array, nameLength: number): void {
    const index = this.#length - 1;
    const at = index * (c.SOCKADDR_SIZE / 4);
    // A call of `set` takes as long as all else here.
    for (let word = 0; word < nameLength / 4; word++) this.#nameWords[at + word] = name[word]!;
    this.#words[index * HEADER_WORDS + c.MSG_NAMELEN / 4] = nameLength;
  }

  /** Sends from the entry `first` on. @returns how many were sent; -1 when none could be */
  send(libc: c.Libc, fd: number, first: number): number {
    const count = this.#length - first;
    if (count === 1) return this.#sendLast(libc, fd);
    return libc.sendmmsg(fd, this.#headers[first]!, count, c.MSG_DONTWAIT);
  }

  /** As above for the last entry, which needs no list. */
  #sendLast(libc: c.Libc, fd: number): number {
    const entry = this.#length - 1;
    const data = this.#batch.buffers[this.#slots[entry]!]!;
    const length = this.#iovecWords[entry * (c.IOVEC_SIZE / 4) + 2]!;
    const name = this.#namesFrom?.[entry];
    const nameLength = this.#words[entry * HEADER_WORDS + c.MSG_NAMELEN / 4]!;
    const sent = name === undefined
      ? libc.send(fd, data, length, c.MSG_DONTWAIT)
      : libc.sendto(fd, data, length, c.MSG_DONTWAIT, name, nameLength);
    return sent < 0 ? -1 : 1;
  }
}

/** The one object through which a relay sees each datagram. */
export class SlotDatagram implements Datagram {
  buffer: Uint8Array<ArrayBuffer> = new Uint8Array();
  length = 0;
  sender: Uint8Array<ArrayBuffer> = new Uint8Array(RAW_ADDRESS);
}

interface Parts {
  readonly names?: Uint8Array<ArrayBuffer>;
  readonly iovecs: Uint8Array<ArrayBuffer>;
  readonly controls?: Uint8Array<ArrayBuffer>;
}

/** Makes each header point to its parts. */
function layOut(headers: Uint8Array<ArrayBuffer>, { names, iovecs, controls }: Parts): void {
  const view = new DataView(headers.buffer);
  const point = (at: number, buffer: Uint8Array<ArrayBuffer>, offset: number) =>
    view.setBigUint64(at, c.pointerOf(buffer) + BigInt(offset), true);
  for (let slot = 0; slot < BATCH; slot++) {
    const at = slot * c.MMSGHDR_SIZE;
    if (names) point(at + c.MSG_NAME, names, slot * c.SOCKADDR_SIZE);
    point(at + c.MSG_IOV, iovecs, slot * c.IOVEC_SIZE);
    view.setBigUint64(at + c.MSG_IOVLEN, 1n, true);
    if (controls) point(at + c.MSG_CONTROL, controls, slot * c.CONTROL_SIZE);
  }
}

function iovecs(pointers: BigUint64Array): Uint8Array<ArrayBuffer> {
  const pairs = new BigUint64Array(BATCH * 2);
  pointers.forEach((pointer, slot) => {
    pairs[2 * slot] = pointer;
    pairs[2 * slot + 1] = BigInt(MAX_DATAGRAM);
  });
  return new Uint8Array(pairs.buffer);
}

function slices(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: BATCH }, (_, slot) => bytes.subarray(slot * size, (slot + 1) * size));
}

function tails(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: BATCH }, (_, slot) => bytes.subarray(slot * size));
}
