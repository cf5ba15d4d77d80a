// The sockets of one UDP port that several threads read, one each. The kernel assigns flows to them by the
// order in which they were bound, and when one is closed the last takes its place, so flows of healthy
// threads would move. That is why the main thread owns them all: a thread that replaces a failed one gets
// the same socket and what waits there.

import type { Address } from "../../core/address.ts";
import type { ListenAddress } from "../../core/endpoint.ts";
import { type LibcLibrary, openLibc } from "./libc.ts";
import { openFront } from "./libc_socket.ts";
import type { UdpEngine } from "./port.ts";

/** Bound sockets; disposing of them closes them, so no thread may still read them. */
export class FrontSockets implements Disposable {
  readonly address: Address;
  readonly buffers: UdpEngine["buffers"];
  /** The descriptors, in the order in which they were bound. */
  readonly descriptors: readonly number[];
  readonly #library: LibcLibrary;
  #isClosed = false;

  private constructor(library: LibcLibrary, { listen, count, reusePort }: FrontOptions) {
    this.#library = library;
    const libc = library.symbols;
    const isShared = reusePort || count > 1;
    const first = openFront(libc, listen, isShared);
    this.address = first.address;
    this.buffers = first.buffers;
    const descriptors = [first.fd];
    this.descriptors = descriptors;
    const same = { ...listen, port: first.address.port };
    try {
      while (descriptors.length < count) descriptors.push(openFront(libc, same, isShared).fd);
    } catch (error) {
      for (const fd of descriptors) libc.close(fd);
      throw error;
    }
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: FrontOptions): FrontSockets {
    const library = openLibc();
    try {
      return new FrontSockets(library, options);
    } catch (error) {
      library.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const fd of this.descriptors) this.#library.symbols.close(fd);
    this.#library.close();
  }
}

export interface FrontOptions {
  readonly listen: ListenAddress;
  readonly count: number;
  /** Whether other processes listen there too. */
  readonly reusePort: boolean;
}
