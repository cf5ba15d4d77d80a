// The messages between the two threads of a UDP relay.

import type { ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import type { UdpDrops, UdpEngine, UdpEngineOptions } from "./port.ts";

/** To the thread that moves datagrams. */
export type ToThread<Init, Command> =
  | {
    readonly type: "open";
    readonly kind: UdpEngine["kind"];
    readonly engine: Omit<UdpEngineOptions, "clock">;
    /** A count of the messages sent, as 32 bits that both threads share. */
    readonly mail: SharedArrayBuffer;
    /** An eventfd that says that there is mail, for the libc engine. */
    readonly wake: number | undefined;
    readonly init: Init;
  }
  | { readonly type: "command"; readonly command: Command }
  /** Takes the place of what `open` has brought. */
  | { readonly type: "configure"; readonly init: Init }
  /** Asks for a sign of life. */
  | { readonly type: "ping" }
  | { readonly type: "close" };

/** From it. */
export type FromThread<Report> =
  | { readonly type: "opened"; readonly address: Address; readonly buffers: UdpEngine["buffers"] }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "report"; readonly report: Report }
  /** Answers a ping, once everything sent before it has been taken. */
  | { readonly type: "pong" }
  /** Sent every second. */
  | { readonly type: "figures"; readonly drops: UdpDrops }
  | { readonly type: "closed" };
