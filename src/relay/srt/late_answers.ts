// Conclusions whose calls ended before all their answers had come: refused meanwhile, ended, or
// sent twice. An origin that accepts one later would keep a caller that never sends anything, and a
// publisher would block its stream's name; so the origin is told at once that the caller has gone.

import type { UdpLink } from "../../net/udp/port.ts";
import * as hs from "../../protocol/srt/handshake.ts";
import {
  controlTypeOf,
  destinationOf,
  encodeShutdown,
  HANDSHAKE,
} from "../../protocol/srt/packet.ts";

/** How late an answer may come, milliseconds: listeners give up silent peers after 5 or 10 s. */
const PATIENCE = 10_000;
/** Most sockets kept for this in all lanes; beyond that the oldest one is closed. */
export const MAX_LATE_LINKS = 512;

interface Waiting {
  readonly callerSocket: number;
  readonly until: number;
}

/**
 * If a packet says that an origin has opened a socket for a caller, tells the origin that the
 * caller is gone.
 *
 * @param inUse the origin's socket that the caller uses; 0 = none
 */
export function hangUp(
  link: UdpLink,
  packet: Uint8Array,
  { callerSocket, inUse = 0 }: { readonly callerSocket: number; readonly inUse?: number },
): void {
  if (controlTypeOf(packet) !== HANDSHAKE || packet.length < hs.HANDSHAKE_SIZE) return;
  if (destinationOf(packet) !== callerSocket) return;
  const answer = hs.parseHandshake(packet.subarray(0, hs.HANDSHAKE_SIZE));
  // Socket 0 is the listener itself.
  if (!hs.isConclusion(answer) || answer.socketId === 0 || answer.socketId === inUse) return;
  link.send(encodeShutdown(answer.socketId));
}

/** Sockets left behind by calls, oldest first. */
export class LateAnswers {
  readonly #capacity: number;
  readonly #waiting = new Map<UdpLink, Waiting>();

  /** @param lanes how many lanes share the limit */
  constructor(lanes: number) {
    this.#capacity = Math.ceil(MAX_LATE_LINKS / lanes);
  }

  /** Takes over the socket of a call whose conclusion was last sent at `askedAt`. */
  expect(
    link: UdpLink,
    { callerSocket, askedAt }: { readonly callerSocket: number; readonly askedAt: number },
  ): void {
    this.#waiting.set(link, { callerSocket, until: askedAt + PATIENCE });
    if (this.#waiting.size > this.#capacity) this.makeRoom();
  }

  /** Closes the socket that has waited longest. @returns false when there is none */
  makeRoom(): boolean {
    for (const oldest of this.#waiting.keys()) {
      this.drop(oldest);
      return true;
    }
    return false;
  }

  /** Handles a packet from such a socket; packets from others are ignored. */
  take(link: UdpLink, packet: Uint8Array): void {
    const waiting = this.#waiting.get(link);
    if (waiting) hangUp(link, packet, waiting);
  }

  /** Closes a socket if it is one of these. */
  drop(link: UdpLink): void {
    if (this.#waiting.delete(link)) link.close();
  }

  sweep(now: number): void {
    for (const [link, { until }] of this.#waiting) if (until < now) this.drop(link);
  }
}
