// The memory that clients may make the proxy keep before it knows what they want: for each
// connection, each address and all together. Taken and given back to the byte. Knows no socket and
// no protocol.

import { ProtocolError, ProxyError } from "./errors.ts";
import type { Memory } from "./memory.ts";
import { LocalTally, type Tally, type TallyLimit } from "./tally.ts";

/** Bounds in bytes. */
export interface MemoryLimits {
  readonly perConnection: number;
  readonly perAddress: number;
  readonly total: number;
}

/** There is no memory left for the clients of an address, or for all. */
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
   * @param limits asked whenever something is taken, so that they may change
   * @param tally what is counted in
   */
  constructor(limits: () => MemoryLimits, tally: Tally = new LocalTally()) {
    this.#limits = limits;
    this.#tally = tally;
  }

  /** Bytes that are taken now, by all together. */
  get taken(): number {
    return this.#tally.total;
  }

  /** Addresses for which something is taken now. */
  get addresses(): number {
    return this.#tally.size;
  }

  /** The account of one connection; nothing is taken yet. @param address as `addressGroup` has it */
  open(address: string): MemoryHold {
    return new MemoryHold({
      limit: () => this.#limits().perConnection,
      take: (bytes) => this.#take(address, bytes),
      give: (bytes) => this.#tally.remove(address, bytes),
    });
  }

  /** There is always something for newcomers. */
  #take(address: string, bytes: number): void {
    const level = this.#tally.add(address, bytes, { ...this.#limits(), leavesRoom: true });
    if (level !== undefined) throw new MemoryLimitError(level);
  }
}

interface Account extends Memory {
  limit(): number;
}

/** What one connection has taken. */
export class MemoryHold implements Memory, Disposable {
  readonly #account: Account;
  #taken = 0;
  #isSettled = false;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Bytes that are taken now. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * @throws ProtocolError when the connection has all it may have
   * @throws MemoryLimitError when its address, or all together, have
   */
  take(bytes: number): void {
    if (this.#isSettled || bytes <= 0) return;
    const limit = this.#account.limit();
    if (this.#taken + bytes > limit) {
      throw new ProtocolError(
        `Cannot keep more of what has arrived so far: the limit is ${limit} bytes`,
      );
    }
    this.#account.take(bytes);
    this.#taken += bytes;
  }

  give(bytes: number): void {
    if (this.#isSettled) return;
    this.#account.give(bytes);
    this.#taken -= bytes;
  }

  /** The client is identified, or gone: all is given back, and nothing counts here any more. */
  [Symbol.dispose](): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#taken > 0) this.#account.give(this.#taken);
    this.#taken = 0;
  }
}
