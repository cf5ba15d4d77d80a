// What the store needs of a connection to Redis, whoever provides it: calls and their replies, and
// the messages of one channel. Knows no socket.

import type { Address } from "../../core/address.ts";
import type { Script } from "./scripts.ts";

/** A reply as it comes over the wire. */
export type Reply = string | number | null | Error | readonly Reply[];

/** A live connection. */
export interface RedisCalls {
  /** Resolves with the reason once the connection is of no use any more. */
  readonly closed: Promise<Error>;
  /** @throws Error of the socket or of the server */
  command(...args: readonly string[]): Promise<Reply>;
  /** Runs a script. @throws as `command` does */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply>;
  /** Ends it at once; what waits for a reply fails. */
  close(why: Error): void;
}

/** What a new connection is to be like. */
export interface CallsWanted {
  readonly address: Address;
  /** Listened to from the beginning. */
  readonly channel: string;
  readonly onMessage: (message: string) => void;
  /** Closes it, even before it is open. */
  readonly signal: AbortSignal;
}

/** Makes a connection. @throws Error of the socket or of the server, within about three seconds */
export type OpenCalls = (wanted: CallsWanted) => Promise<RedisCalls>;
