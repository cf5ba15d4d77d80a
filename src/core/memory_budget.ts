// Limits the memory that the proxy keeps for clients before it knows what they want: for each connection,
// each address and all together. Exact to the byte. Knows no socket and no protocol.

import { ProtocolError, ProxyError } from "./errors.ts";
import type { Memory } from "./memory.ts";
import { LocalTally, type Tally, type TallyLimit } from "./tally.ts";

/** Limits in bytes. */
export interface MemoryLimits {
  readonly perConnection: number;
  readonly perAddress: number;
  readonly total: number;
}

/** No memory is left for the clients of an address, or for all clients. */
export class MemoryLimitError extends ProxyError {
  override readonly name = "MemoryLimitError";
  readonly level: TallyLimit;

  constructor(level: TallyLimit) {
    const whom = level === "address" ? "clients of this address" : "clients";
    super("overloaded", `Cannot keep more for ${whom} that have not said what they want`);
    this.level = level;
  }
}

/** The one budget of all connections whose clients are not identified. */
export class MemoryBudget {
  readonly #limits: () => MemoryLimits;
  readonly #tally: Tally;

  /**
   * @param limits called whenever memory is taken, since they may change
   * @param tally counts the memory
   */
  constructor(limits: () => MemoryLimits, tally: Tally = new LocalTally()) {
    this.#limits = limits;
    this.#tally = tally;
  }

  /** Bytes currently taken by all connections. */
  get taken(): number {
    return this.#tally.total;
  }

  /** Number of addresses for which memory is taken. */
  get addresses(): number {
    return this.#tally.size;
  }

  /** The account of one connection, empty at first. @param address as returned by `addressGroup` */
  open(address: string): MemoryHold {
    return new MemoryHold(address, this.#limits, this.#tally);
  }
}

/** The memory of one connection. */
export class MemoryHold implements Memory, Disposable {
  readonly #address: string;
  readonly #limits: () => MemoryLimits;
  readonly #tally: Tally;
  #taken = 0;
  #isSettled = false;

  /** See `MemoryBudget.open`. */
  constructor(address: string, limits: () => MemoryLimits, tally: Tally) {
    this.#address = address;
    this.#limits = limits;
    this.#tally = tally;
  }

  /** Bytes currently taken. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * @throws ProtocolError when the connection has reached its limit
   * @throws MemoryLimitError when its address, or all together, have reached theirs
   */
  take(bytes: number): void {
    if (this.#isSettled || bytes <= 0) return;
    const limits = this.#limits();
    const limit = limits.perConnection;
    if (this.#taken + bytes > limit) {
      throw new ProtocolError(
        `Cannot keep more of what has arrived so far: the limit is ${limit} bytes`,
      );
    }
    // Always leaves something for newcomers.
    const level = this.#tally.add(this.#address, bytes, { ...limits, leavesRoom: true });
    if (level !== undefined) throw new MemoryLimitError(level);
    this.#taken += bytes;
  }

  give(bytes: number): void {
    if (this.#isSettled) return;
    this.#tally.remove(this.#address, bytes);
    this.#taken -= bytes;
  }

  /** The client is identified, or gone: everything is returned, and nothing is counted any more. */
  [Symbol.dispose](): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#taken > 0) this.#tally.remove(this.#address, this.#taken);
    this.#taken = 0;
  }
}
