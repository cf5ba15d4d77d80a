// A WebRTC session in a lane, the addresses of its client, and what it has over TCP.

import type { Address } from "../../core/address.ts";
import type { FlowMeter } from "../../core/flow_meter.ts";
import type { TokenBucket } from "../../core/token_bucket.ts";
import type { UdpLink } from "../../net/udp/port.ts";
import type { OriginAddresses } from "./origin_addresses.ts";
import type { SharedAddress } from "./shared_address.ts";

/**
 * A client's connection over TCP, which carries datagrams both ways. Its address cannot be forged,
 * so everything on it is from the client that has proved itself there.
 */
export interface ClientConnection {
  /** The path of its client; set only by `MediaSessions`. */
  path: MediaPath | undefined;
  readonly isClosed: boolean;
  /**
   * Sends a datagram, copied, or drops it.
   *
   * @param length how many bytes to send, from the start of `buffer`
   * @returns whether there was room for it
   */
  send(buffer: Uint8Array, length: number): boolean;
  close(): void;
}

/** One client address and its socket towards the origin. */
export interface MediaPath {
  readonly session: MediaSession;
  /** The socket to an address of the origin, and since when; set only by `MediaSessions`. */
  link: UdpLink;
  origin: Address;
  linkedAt: number;
  /** The client's address, in the form of `Datagram.sender`. */
  readonly client: Uint8Array;
  /** The client's TCP connection; undefined over UDP. */
  readonly connection: ClientConnection | undefined;
  /** The address group by which sessions are counted. */
  readonly ip: string;
  /** When the client last proved itself, and when the origin last sent something. */
  provedAt: number;
  originAt: number;
  /** Since when the origin's host has refused datagrams; 0 = it does not. */
  unreachableSince: number;
  readonly checks: TokenBucket;
  /** All sessions' claims to the same address, if there are several, and the state of this one. */
  shared: SharedAddress<MediaPath> | undefined;
  contestedAt: number;
  hasMedia: boolean;
  hasKeys: boolean;
  /** Datagrams but for STUN, both ways, since the last sweep. */
  moved: number;
}

/** A session in this lane. */
export interface MediaSession {
  readonly user: string;
  readonly password: string;
  addresses: OriginAddresses;
  /** Whether it counts by the address that asked for it, and not by the address of its media. */
  readonly isCounted: boolean;
  /** Its user before an ICE restart. */
  readonly before: string | undefined;
  /**
   * Whether another lane has it too, and with it the first socket, which every session may have.
   */
  readonly isElsewhere: boolean;
  isStarted: boolean;
  /** Where most has flowed between the last two sweeps; undefined if nothing has. */
  location: MediaPath | undefined;
  /**
   * When it last lost an address, to another session or with its connection, without having been
   * silent.
   */
  evictedAt: number;
  readonly paths: MediaPath[];
  readonly verifications: TokenBucket;
  bytesIn: number;
  bytesOut: number;
  readonly meter: FlowMeter;
}
