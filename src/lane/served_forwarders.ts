// The forwarders inside a lane, WebRTC's and SRT's, each opened on the lane's own engine when the main
// thread says so.

import { hmacSha1 } from "../core/hashes.ts";
import type { Clock } from "../core/clock.ts";
import { toProxyError } from "../core/errors.ts";
import type { EventLoop } from "../net/libc/event_loop.ts";
import { openEngine } from "../net/udp/engine.ts";
import type { ClientConnections } from "../relay/rtc/client_connection.ts";
import { MediaForwarder, type MediaForwarderParts } from "../relay/rtc/media_forwarder.ts";
import type { MediaCommand } from "../relay/rtc/media_messages.ts";
import { Cookies } from "../relay/srt/cookies.ts";
import { SrtForwarder } from "../relay/srt/srt_forwarder.ts";
import type { SrtCommand, SrtInit, SrtReport } from "../relay/srt/srt_messages.ts";
import type { UdpProtocol } from "../relay/udp/figures.ts";
import type {
  Forwarder,
  ForwarderOpening,
  ForwarderParts,
  SharedTallies,
} from "../relay/udp/forwarder.ts";
import { type CreateForwarder, ServedForwarder } from "../relay/udp/served_forwarder.ts";
import type { ForwarderTallies, FromLane, ToLane } from "./messages.ts";
import { SharedTally } from "./shared_tally.ts";

export interface ForwarderSurroundings {
  /** Its column in the tallies. */
  readonly column: number;
  /** Undefined unless the lane uses the C library. */
  readonly loop: EventLoop | undefined;
  readonly clock: Clock;
  /** Where WebRTC clients connect over TCP. */
  readonly connections: ClientConnections | undefined;
  post(message: FromLane): void;
  /** A forwarder failed, and with it the lane. */
  onFailed(error: unknown): void;
}

export const FORWARDERS = { rtc: createMedia, srt: createSrt } as const;

type AnyForwarder = ServedForwarder<object, unknown, unknown>;

export class ServedForwarders {
  readonly #surroundings: ForwarderSurroundings;
  readonly #open = new Map<UdpProtocol, AnyForwarder>();

  constructor(surroundings: ForwarderSurroundings) {
    this.#surroundings = surroundings;
  }

  take({ protocol, message }: Extract<ToLane, { type: "forwarder" }>): void {
    if (message.type === "open") this.#openOne(message.opening, message.tallies);
    else this.#open.get(protocol)?.take(message);
  }

  /** Closes the sessions in order and frees the sockets. */
  close(): void {
    for (const forwarder of this.#open.values()) forwarder.close();
    this.#open.clear();
  }

  #openOne(opening: ForwarderOpening<object>, tallies: ForwarderTallies): void {
    const { loop, clock, post, connections } = this.#surroundings;
    const { protocol, init } = opening;
    const tell = (message: Extract<FromLane, { type: "forwarder" }>["message"]) =>
      post({ type: "forwarder", protocol, message });
    try {
      const engine = openEngine(loop, { ...opening, clock });
      const make = FORWARDERS[protocol] as unknown as CreateForwarder<object, unknown, unknown>;
      const more = protocol === "rtc" ? { connections } : {};
      const create: typeof make = (parts) => make({ ...parts, ...more });
      const shared = this.#tallies(tallies);
      const forwarder = new ServedForwarder({ engine, tallies: shared, init, create, post: tell });
      this.#open.set(protocol, forwarder);
      this.#follow(protocol, forwarder);
    } catch (error) {
      const { code, message } = toProxyError(error);
      tell({ type: "failed", code, message });
    }
  }

  async #follow(protocol: UdpProtocol, forwarder: AnyForwarder): Promise<void> {
    try {
      await forwarder.closed;
      this.#open.delete(protocol);
    } catch (error) {
      this.#surroundings.onFailed(error);
    }
  }

  #tallies({ sessions, sockets }: ForwarderTallies): SharedTallies {
    const { column } = this.#surroundings;
    return {
      sessions: new SharedTally(sessions, column),
      sockets: new SharedTally(sockets, column),
    };
  }
}

function createMedia(parts: Omit<MediaForwarderParts, "hmac">): Forwarder<MediaCommand> {
  return new MediaForwarder({ ...parts, hmac: hmacSha1 });
}

function createSrt(parts: ForwarderParts<SrtInit, SrtReport>): Forwarder<SrtCommand> {
  const cookies = new Cookies(parts.init().cookieKey);
  return new SrtForwarder({ ...parts, cookies, wallTime: Date.now });
}
