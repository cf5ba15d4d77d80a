// An eventfd(2) with which one thread wakes another that is blocked in epoll_wait. The waking thread owns
// it: the other could close it while the number is about to be used.

import { ProxyError } from "../../core/errors.ts";
import { EFD_CLOEXEC, EFD_NONBLOCK, type LibcLibrary } from "./libc.ts";

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** An eventfd; disposing of it closes it, so the woken thread must not use it any more. */
export class WakeHandle implements Disposable {
  /** The descriptor, valid in every thread of the process. */
  readonly fd: number;
  readonly #libc: LibcLibrary;
  #closed = false;

  /**
   * @param libc is closed with the handle
   * @throws ProxyError `internal` when there is no descriptor left
   */
  constructor(libc: LibcLibrary) {
    this.#libc = libc;
    this.fd = libc.symbols.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (this.fd < 0) throw new ProxyError("internal", "Cannot open an eventfd");
  }

  /** Wakes the thread now, or keeps it from blocking the next time. */
  wake(): void {
    if (!this.#closed) this.#libc.symbols.write(this.fd, ONE, 8n);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.symbols.close(this.fd);
    this.#libc.close();
  }
}
