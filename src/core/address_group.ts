// The group of addresses that one client may have, which all limits for each address count by.

import { formatIp, parseIp, unmapIp } from "./ip_address.ts";

/**
 * Addresses that count as one: an IPv4 address by itself, also where it is written as IPv6, and a /64
 * of IPv6, which people get whole. What is no IP address counts as it is.
 */
export function addressGroup(ip: string): string {
  const parsed = parseIp(ip);
  if (parsed === undefined) return ip;
  const bytes = unmapIp(parsed);
  if (bytes.length === 4) return formatIp(bytes);
  return `${formatIp([...bytes.slice(0, 8), 0, 0, 0, 0, 0, 0, 0, 0])}/64`;
}

/** Counts something for each client address; addresses with none take no memory. */
export class AddressCounts {
  readonly #counts = new Map<string, number>();

  /** Groups of addresses that have any. */
  get size(): number {
    return this.#counts.size;
  }

  /** How many the group of an address has. */
  of(ip: string): number {
    return this.#counts.get(addressGroup(ip)) ?? 0;
  }

  add(ip: string): void {
    const group = addressGroup(ip);
    this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
  }

  /** Takes one away that was added for an address of the same group. */
  remove(ip: string): void {
    const group = addressGroup(ip);
    const left = (this.#counts.get(group) ?? 0) - 1;
    if (left > 0) this.#counts.set(group, left);
    else this.#counts.delete(group);
  }
}
