// The descriptors that one thread has opened through the C library, recorded in memory that another
// thread can see: the system closes nothing when a thread ends. Does not know what they are for.

import type { Libc } from "../udp/libc.ts";

/** Higher descriptors are not recorded. */
const MOST = 1 << 20;
const SHUT_RDWR = 2;

export class DescriptorSet {
  readonly #bits: Int32Array;

  /** @param memory of `DescriptorSet.memory` */
  constructor(memory: SharedArrayBuffer) {
    this.#bits = new Int32Array(memory);
  }

  /** Memory for a set, from which any thread can make a `DescriptorSet`. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(MOST / 8);
  }

  /** The same calls, recording what they open in the set until they close it. */
  watch(libc: Libc): Libc {
    return {
      ...libc,
      socket: (...args) => this.#add(libc.socket(...args)),
      accept4: (...args) => this.#add(libc.accept4(...args)),
      epoll_create1: (...args) => this.#add(libc.epoll_create1(...args)),
      // Removed first: once closed, the number may belong to another thread.
      close: (fd) => fd >= MOST || this.#remove(fd) ? libc.close(fd) : -1,
    };
  }

  /** Ends all connections and stops accepting; keeps the descriptors open, in case the thread still runs. */
  shutDown(libc: Libc): void {
    for (const fd of this.#all()) libc.shutdown(fd, SHUT_RDWR);
  }

  /** Closes whatever the thread has left open; it must have ended. @returns how many descriptors */
  closeAll(libc: Libc): number {
    let count = 0;
    for (const fd of this.#all()) {
      if (!this.#remove(fd)) continue;
      libc.close(fd);
      count++;
    }
    return count;
  }

  #add(fd: number): number {
    if (fd >= 0 && fd < MOST) Atomics.or(this.#bits, fd >> 5, 1 << (fd & 31));
    return fd;
  }

  /** @returns whether it was there; whoever removes it closes it */
  #remove(fd: number): boolean {
    const bit = 1 << (fd & 31);
    return fd >= 0 && fd < MOST && (Atomics.and(this.#bits, fd >> 5, ~bit) & bit) !== 0;
  }

  *#all(): Generator<number> {
    for (let word = 0; word < this.#bits.length; word++) {
      if (Atomics.load(this.#bits, word) === 0) continue;
      for (let bit = 0; bit < 32; bit++) {
        // Read again: the thread may still close some, and others get their numbers.
        if (Atomics.load(this.#bits, word) & (1 << bit)) yield word * 32 + bit;
      }
    }
  }
}
