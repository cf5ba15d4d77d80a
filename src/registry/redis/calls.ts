// What the store needs of a connection to Redis, whoever provides it: calls with replies, and the messages
// of one channel. Knows no socket.

import type { Address } from "../../core/address.ts";
import type { Script } from "./scripts.ts";

/** A reply as received. */
export type Reply = string | number | null | Error | readonly Reply[];

export interface RedisCalls {
  /** Resolves with the reason once the connection is unusable. */
  readonly closed: Promise<Error>;
  /** @throws Error of the socket or of the server */
  command(...args: readonly string[]): Promise<Reply>;
  /** Runs a script. @throws as `command` does */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply>;
  /** Closes it at once; calls waiting for a reply fail. */
  close(why: Error): void;
}

export interface CallsWanted {
  readonly address: Address;
  /** Subscribed to from the beginning. */
  readonly channel: string;
  readonly onMessage: (message: string) => void;
  /** Closes it, even before it is open. */
  readonly signal: AbortSignal;
}

/** Opens a connection. @throws Error of the socket or of the server, within about three seconds */
export type OpenCalls = (wanted: CallsWanted) => Promise<RedisCalls>;
