// The memory that clients may make the proxy keep before it knows what they want: for each
// connection, each address and all together. Taken and given back to the byte. Knows no socket and
// no protocol.

import { ProtocolError, ProxyError } from "./errors.ts";
import type { Memory } from "./memory.ts";

/** Limits in bytes; read whenever something is taken, so that they may change. */
export interface MemoryLimits {
  readonly perConnection: number;
  readonly perAddress: number;
  readonly total: number;
}

/** Whose limit has been reached. */
export type MemoryLevel = "address" | "total";

/** There is no memory left for the clients of an address, or for all. */
export class MemoryLimitError extends ProxyError {
  override readonly name = "MemoryLimitError";
  readonly level: MemoryLevel;

  constructor(level: MemoryLevel) {
    const whom = level === "address" ? "clients of this address" : "clients";
    super("overloaded", `Cannot keep more for ${whom} that have not said what they want`);
    this.level = level;
  }
}

/** The one budget of all connections whose clients are not identified. */
export class MemoryBudget {
  readonly #limits: MemoryLimits;
  readonly #ofAddress = new Map<string, number>();
  #taken = 0;

  constructor(limits: MemoryLimits) {
    this.#limits = limits;
  }

  /** Bytes that are taken now, by all together. */
  get taken(): number {
    return this.#taken;
  }

  /** Addresses for which something is taken now. */
  get addresses(): number {
    return this.#ofAddress.size;
  }

  /** The account of one connection; nothing is taken yet. @param address as `addressGroup` has it */
  open(address: string): MemoryHold {
    return new MemoryHold({
      limit: () => this.#limits.perConnection,
      take: (bytes) => this.#take(address, bytes),
      give: (bytes) => this.#give(address, bytes),
    });
  }

  /** An address never gets more than it leaves for all others: there is something for newcomers. */
  #take(address: string, bytes: number): void {
    const { perAddress, total } = this.#limits;
    const held = (this.#ofAddress.get(address) ?? 0) + bytes;
    if (held > perAddress) throw new MemoryLimitError("address");
    if (held > total - this.#taken) throw new MemoryLimitError("total");
    this.#ofAddress.set(address, held);
    this.#taken += bytes;
  }

  #give(address: string, bytes: number): void {
    const held = (this.#ofAddress.get(address) ?? 0) - bytes;
    if (held > 0) this.#ofAddress.set(address, held);
    else this.#ofAddress.delete(address);
    this.#taken -= bytes;
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
