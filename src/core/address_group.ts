// Groups the addresses that one client may have; all limits for each address count by group.

import { formatIp, parseIp, unmapIp } from "./ip_address.ts";

/**
 * Addresses that count as one: an IPv4 address by itself, also if written as IPv6, and a /64 of IPv6,
 * which is what one customer gets. Text that is not an IP address is its own group.
 */
export function addressGroup(ip: string): string {
  const parsed = parseIp(ip);
  if (parsed === undefined) return ip;
  const bytes = unmapIp(parsed);
  if (bytes.length === 4) return formatIp(bytes);
  return `${formatIp([...bytes.slice(0, 8), 0, 0, 0, 0, 0, 0, 0, 0])}/64`;
}

/** Counts something for each client address; addresses with a count of 0 take no memory. */
export class AddressCounts {
  readonly #counts = new Map<string, number>();

  /** Number of groups with a count above 0. */
  get size(): number {
    return this.#counts.size;
  }

  /** The count of an address's group. */
  of(ip: string): number {
    return this.#counts.get(addressGroup(ip)) ?? 0;
  }

  add(ip: string): void {
    const group = addressGroup(ip);
    this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
  }

  /** Undoes one `add` for an address of the same group. */
  remove(ip: string): void {
    const group = addressGroup(ip);
    const left = (this.#counts.get(group) ?? 0) - 1;
    if (left > 0) this.#counts.set(group, left);
    else this.#counts.delete(group);
  }
}
