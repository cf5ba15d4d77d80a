// A client and its origin while bytes flow between them: both directions, how they end and what
// they count.

import { ProtocolError, ProxyError } from "../../core/errors.ts";
import { MemoryLimitError } from "../../core/memory_budget.ts";
import type { LabelValue } from "../../core/metric_table.ts";
import { StallWatch } from "../../net/stall_watch.ts";
import type { Connection, PipeEnd, TcpEngine } from "../../net/engine.ts";
import type { StreamCommand } from "../../protocol/rtmp/command.ts";
import { UserControl, userControl } from "../../protocol/rtmp/message.ts";
import type { EndedBy, Metrics } from "../../core/contracts.ts";
import type { OriginLink } from "./origin_link.ts";
import type { RtmpTimeouts } from "./dependencies.ts";
import { type Direction, Flow, type FlowOwner } from "./flow.ts";

/** How long a peer may take to read its last bytes, milliseconds. */
export const LINGER = 2000;

/** Why a pair ended, as written to logs and counters. */
export type EndReason = LabelValue<"srs_proxy_rtmp_sessions_closed_total", "reason">;

const RELAYED = "srs_proxy_rtmp_relay_bytes_total";

/** How a pair ended. */
export interface PairEnd {
  readonly reason: EndReason;
  /** The stream that the client switches to, if that is why. */
  readonly wish?: StreamCommand;
  /** What the client did wrong, if that is why. */
  readonly error?: ProxyError;
}

/** What ends a pair: a direction, what a peer does wrong, or somebody else; `side` is who caused it. */
interface PairEvent {
  readonly side: "client" | "origin" | "proxy";
  readonly end: PipeEnd | ProxyError | "stalled" | "idle" | "shutdown" | EndedBy;
}

/** Bytes received, and how many of them were rewritten. */
interface Counted {
  readonly up: number;
  readonly upRewritten: number;
  readonly down: number;
  readonly downRewritten: number;
}

/** How often a silent player is pinged before it counts as gone. */
const PINGS = 3;

export interface PairParts {
  readonly intent: "publish" | "play";
  readonly engine: TcpEngine;
  readonly client: Connection;
  readonly link: OriginLink;
  /** From the client to the origin, and back. */
  readonly up: Direction;
  readonly down: Direction;
  readonly metrics: Metrics;
  readonly owner: PairOwner;
}

export interface PairOwner {
  /** Whether a wish of the client is for the stream being relayed; such a wish is passed on. */
  isSameStream(wish: StreamCommand): boolean;
  /** The pair has ended; its connections are closed gently next. */
  pairOver(): void;
  /**
   * Called once, not by the constructor. The promise resolves once both connections are closed, or only
   * the origin's if there is a wish or an error; it rejects if there is a bug.
   */
  pairEnded(ending: Promise<PairEnd>): void;
}

export class RelayedPair implements FlowOwner {
  readonly #intent: PairParts["intent"];
  readonly #client: Connection;
  readonly #link: OriginLink;
  readonly #metrics: Metrics;
  readonly #owner: PairOwner;
  readonly #up: Flow;
  readonly #down: Flow;
  readonly #clientStall: StallWatch;
  readonly #originStall: StallWatch;
  #isOver = false;
  /** What a direction has thrown that nobody else has caused. */
  #bug: unknown;
  #idleFor = 0;
  #pings = 0;
  #age = 0;
  #counted: Counted;

  constructor(parts: PairParts) {
    const { engine, client, link, link: { connection: origin } } = parts;
    this.#intent = parts.intent;
    this.#client = client;
    this.#link = link;
    this.#metrics = parts.metrics;
    this.#owner = parts.owner;
    this.#up = new Flow(engine, parts.up, { from: client, to: origin }, this);
    this.#down = new Flow(engine, parts.down, { from: origin, to: client }, this);
    this.#clientStall = new StallWatch(client);
    this.#originStall = new StallWatch(origin);
    this.#counted = this.#read();
    this.#down.run();
    this.#up.run();
  }

  flowEnded(flow: Flow, end: PipeEnd): void {
    if (end === "stopped") this.#heed(this.#up.relay.wish!);
    else this.#over({ side: this.#sideOf(flow), end });
  }

  flowFailed(flow: Flow, error: unknown): void {
    const isPeers = error instanceof ProtocolError || error instanceof MemoryLimitError;
    if (isPeers) return this.#over({ side: this.#sideOf(flow), end: error });
    this.#bug = error;
    if (!this.#isOver) this.#finish(Promise.reject(error));
  }

  /** Ends the pair from outside. */
  end(reason: "idle" | "shutdown" | EndedBy): void {
    this.#over({ side: "proxy", end: reason });
  }

  /**
   * Counts what was relayed since the last call, and ends the pair if it has been idle, or one side
   * has read nothing, for too long. A player that waits in silence is pinged; its answer goes on to
   * the origin, whose kernel then has to acknowledge it.
   *
   * @param elapsed milliseconds since the last call
   */
  sweep(elapsed: number, limits: Pick<RtmpTimeouts, "idle" | "stall">): void {
    const stalled = this.#clientStall.sweep(elapsed) >= limits.stall
      ? "client"
      : this.#originStall.sweep(elapsed) >= limits.stall
      ? "origin"
      : undefined;
    if (stalled !== undefined) this.#over({ side: stalled, end: "stalled" });
    this.#age += elapsed;
    if (this.#count() > 0) this.#idleFor = this.#pings = 0;
    else this.#idleFor += elapsed;
    if (this.#idleFor >= limits.idle) this.end("idle");
    else if (this.#idleFor >= limits.idle * (this.#pings + 1) / (PINGS + 1)) this.#ping();
  }

  #ping(): void {
    if (this.#intent !== "play") return;
    const ping = userControl(UserControl.pingRequest, this.#age % 2 ** 32);
    if (this.#down.insert(() => this.#down.relay.insert(ping))) this.#pings++;
  }

  /** @returns bytes received since the last call */
  #count(): number {
    const metrics = this.#metrics;
    const before = this.#counted;
    const now = this.#read();
    this.#counted = now;
    countBytes(metrics, "from_clients", now.up - before.up, now.upRewritten - before.upRewritten);
    const rewritten = now.downRewritten - before.downRewritten;
    countBytes(metrics, "from_origins", now.down - before.down, rewritten);
    return now.up - before.up + now.down - before.down;
  }

  #read(): Counted {
    const [up, down] = [this.#up, this.#down];
    return {
      up: up.from.bytesIn,
      upRewritten: up.relay.rewrittenBytes,
      down: down.from.bytesIn,
      downRewritten: down.relay.rewrittenBytes,
    };
  }

  #heed(wish: StreamCommand): void {
    if (this.#isOver) return;
    try {
      if (!this.#owner.isSameStream(wish)) return this.#finish(this.#move(wish));
      this.#up.relay.passWish();
      this.#up.run();
    } catch (error) {
      this.#finish(Promise.reject(error));
    }
  }

  #sideOf(flow: Flow): "client" | "origin" {
    return flow === this.#up ? "client" : "origin";
  }

  #over(event: PairEvent): void {
    if (!this.#isOver) this.#finish(this.#end(event));
  }

  #finish(ending: Promise<PairEnd>): void {
    this.#isOver = true;
    this.#owner.pairEnded(ending);
  }

  async #move(wish: StreamCommand): Promise<PairEnd> {
    await this.#leaveOrigin();
    return { reason: "moved", wish };
  }

  async #end({ side, end }: PairEvent): Promise<PairEnd> {
    this.#owner.pairOver();
    const reason = reasonOf(side, end);
    if (!(end instanceof ProxyError)) {
      await this.#close(reason, side);
      return { reason };
    }
    const metrics = this.#metrics;
    if (end instanceof MemoryLimitError) {
      metrics.count("srs_proxy_rtmp_refused_total", { reason: `memory_${end.level}` });
    } else if (side !== "proxy") metrics.count("srs_proxy_rtmp_protocol_errors_total", { side });
    if (side === "client") {
      await this.#leaveOrigin();
      return { reason, error: end };
    }
    await this.#close(reason, side);
    return { reason };
  }

  /**
   * @param side the side that caused it; a side that has gone or reads nothing is not waited for
   */
  async #close(reason: EndReason, side: PairEvent["side"]): Promise<void> {
    const [client, link] = [this.#client, this.#link];
    const isStalled = reason === "stalled";
    const clientLeft = reason === "client_closed" || (isStalled && side === "client");
    const originLeft = reason === "origin_closed" || (isStalled && side === "origin");
    if (clientLeft) client.close();
    if (originLeft) link.connection.close();
    await Promise.all([
      clientLeft ? undefined : client.closeGently(LINGER, this.#up.settled()),
      originLeft ? undefined : link.connection.closeGently(LINGER, this.#down.settled()),
    ]);
    await Promise.all([this.#up.settled(), this.#down.settled()]);
    if (this.#bug !== undefined) throw this.#bug;
    this.#count();
  }

  async #leaveOrigin(): Promise<void> {
    const [client, link] = [this.#client, this.#link];
    link.connection.close();
    using _deadline = client.closeAfter(LINGER);
    await this.#down.settled();
    this.#count();
  }
}

function reasonOf(side: PairEvent["side"], end: PairEvent["end"]): EndReason {
  const isClient = side === "client";
  if (end instanceof ProxyError) {
    return isClient ? "client_protocol_error" : "origin_protocol_error";
  }
  switch (end) {
    case "sender_closed":
      return isClient ? "client_closed" : "origin_closed";
    case "receiver_closed":
      return isClient ? "origin_closed" : "client_closed";
    case "stopped":
      return "moved";
    default:
      return end;
  }
}

function countBytes(
  metrics: Metrics,
  direction: LabelValue<typeof RELAYED, "direction">,
  all: number,
  rewritten: number,
): void {
  if (all > rewritten) metrics.count(RELAYED, { direction, path: "untouched" }, all - rewritten);
  if (rewritten > 0) metrics.count(RELAYED, { direction, path: "rewritten" }, rewritten);
}
