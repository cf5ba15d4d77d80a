// A client and its origin while bytes flow between them: both pumps, their end, their figures.

import { ProtocolError } from "../../core/errors.ts";
import { Deadline } from "../../net/deadline.ts";
import type { TcpConnection } from "../../net/tcp_connection.ts";
import type { StreamCommand } from "../../protocol/rtmp/command.ts";
import type { Metrics } from "../../core/ports.ts";
import type { OriginLink } from "./origin_link.ts";
import { type Flow, pump, type Rest } from "./pump.ts";

/** How long a peer may take to read its last bytes, milliseconds. */
export const LINGER = 2000;

/** Why a pair came to its end, as logs and counters say it. */
export type EndReason =
  | "client_closed"
  | "origin_closed"
  | "client_protocol_error"
  | "origin_protocol_error"
  | "idle"
  | "shutdown"
  | "kicked"
  | "moved";

/** How a pair came to its end. */
export interface PairEnd {
  readonly reason: EndReason;
  /** The stream that the client goes on to, when it has moved. */
  readonly wish?: StreamCommand;
  /** What the client did wrong, when it was that. */
  readonly error?: ProtocolError;
}

type Event =
  | { readonly side: "client" | "origin"; readonly rest: Rest }
  | { readonly side: "client" | "origin"; readonly rest: ProtocolError }
  | { readonly side: "proxy"; readonly rest: "idle" | "shutdown" | "kicked" };

/** What a pair is made of. */
export interface PairParts {
  readonly client: TcpConnection;
  readonly link: OriginLink;
  /** The client's bytes on their way to the origin, and the other way round. */
  readonly up: Flow;
  readonly down: Flow;
  readonly metrics: Metrics;
}

/** Both directions at work. */
export class RelayedPair {
  readonly #parts: PairParts;
  readonly #ended = Promise.withResolvers<Event>();
  readonly #down: Promise<Event>;
  #up: Promise<Event>;
  #idleFor = 0;
  #counted = { up: 0, upRewritten: 0, down: 0, downRewritten: 0 };

  constructor(parts: PairParts) {
    this.#parts = parts;
    const { client, link, up, down } = parts;
    this.#counted = {
      up: client.bytesIn,
      upRewritten: up.relay.rewrittenBytes,
      down: link.connection.bytesIn,
      downRewritten: down.relay.rewrittenBytes,
    };
    down.onFirstReads = () => this.#acknowledge();
    this.#down = watch("origin", pump(down));
    this.#up = watch("client", pump(up));
  }

  /**
   * Waits until the pair is over or the client wishes for a stream.
   *
   * @param isSameStream whether a wish is for the stream being relayed: it is passed on then
   * @returns with both connections closed, or the origin's alone when there is a wish or an error
   */
  async run(isSameStream: (wish: StreamCommand) => boolean): Promise<PairEnd> {
    const { up } = this.#parts;
    while (true) {
      const event = await Promise.race([this.#up, this.#down, this.#ended.promise]);
      if (event.rest !== "wish") return await this.#end(event);
      const wish = up.relay.wish!;
      if (!isSameStream(wish)) {
        await this.#leaveOrigin();
        return { reason: "moved", wish };
      }
      up.relay.passWish();
      this.#up = watch("client", pump(up));
    }
  }

  /** Ends the pair from outside. */
  end(reason: "idle" | "shutdown" | "kicked"): void {
    this.#ended.resolve({ side: "proxy", rest: reason });
  }

  /**
   * Counts what was relayed since the last call, and ends a pair that has been idle too long.
   *
   * @param elapsed milliseconds since the last call
   * @param limit milliseconds a pair may be idle
   */
  sweep(elapsed: number, limit: number): void {
    this.#count();
    const { client, link } = this.#parts;
    const active = client.active || link.connection.active;
    client.active = link.connection.active = false;
    this.#idleFor = active ? 0 : this.#idleFor + elapsed;
    if (this.#idleFor >= limit) this.end("idle");
  }

  /**
   * Acknowledges the origin's first bytes at once. An origin that gathers small writes holds back
   * the first picture until TCP acknowledges the header before it, which takes 40 ms by itself.
   */
  #acknowledge(): void {
    const { up, link } = this.#parts;
    if (up.isWriting || up.between !== undefined) return;
    const bytes = up.relay.acknowledge(link.connection.bytesIn % 2 ** 32);
    if (bytes === undefined) return;
    up.between = link.connection.write(bytes).catch(() => {}).finally(() => {
      up.between = undefined;
    });
  }

  #count(): void {
    const { client, link, up, down, metrics } = this.#parts;
    const before = this.#counted;
    this.#counted = {
      up: client.bytesIn,
      upRewritten: up.relay.rewrittenBytes,
      down: link.connection.bytesIn,
      downRewritten: down.relay.rewrittenBytes,
    };
    const now = this.#counted;
    countBytes(metrics, "from_clients", now.up - before.up, now.upRewritten - before.upRewritten);
    const rewritten = now.downRewritten - before.downRewritten;
    countBytes(metrics, "from_origins", now.down - before.down, rewritten);
  }

  async #end({ side, rest }: Event): Promise<PairEnd> {
    const reason = reasonOf(side, rest);
    if (!(rest instanceof ProtocolError)) {
      await this.#close(reason);
      return { reason };
    }
    this.#parts.metrics.count("srs_proxy_rtmp_protocol_errors_total", { side });
    if (side === "client") {
      await this.#leaveOrigin();
      return { reason, error: rest };
    }
    await this.#close(reason);
    return { reason };
  }

  async #close(reason: EndReason): Promise<void> {
    const { client, link } = this.#parts;
    const clientLeft = reason === "client_closed";
    const originLeft = reason === "origin_closed";
    if (clientLeft) client.close();
    if (originLeft) link.connection.close();
    await Promise.all([
      clientLeft ? undefined : client.closeGently(LINGER, this.#up),
      originLeft ? undefined : link.connection.closeGently(LINGER, this.#down),
    ]);
    await Promise.all([this.#up, this.#down]);
    this.#count();
  }

  async #leaveOrigin(): Promise<void> {
    const { client, link } = this.#parts;
    link.connection.close();
    using _deadline = new Deadline(LINGER, () => client.close());
    await this.#down;
    this.#count();
  }
}

function watch(side: "client" | "origin", pumping: Promise<Rest>): Promise<Event> {
  return pumping.then((rest): Event => ({ side, rest }), (error): Event => {
    if (error instanceof ProtocolError) return { side, rest: error };
    throw error;
  });
}

function reasonOf(side: Event["side"], rest: Event["rest"]): EndReason {
  const isClient = side === "client";
  if (rest instanceof ProtocolError) {
    return isClient ? "client_protocol_error" : "origin_protocol_error";
  }
  switch (rest) {
    case "sender_closed":
      return isClient ? "client_closed" : "origin_closed";
    case "receiver_closed":
      return isClient ? "origin_closed" : "client_closed";
    case "wish":
      return "moved";
    default:
      return rest;
  }
}

function countBytes(metrics: Metrics, direction: string, all: number, rewritten: number): void {
  const name = "srs_proxy_rtmp_relay_bytes_total";
  if (all > rewritten) metrics.count(name, { direction, path: "untouched" }, all - rewritten);
  if (rewritten > 0) metrics.count(name, { direction, path: "rewritten" }, rewritten);
}
