// One stream that one client publishes or plays: its hold on the origin and its log lines. A client
// that switches to another stream gets a new session.

import { formatAddress } from "../../core/endpoint.ts";
import type { StreamCommand } from "../../protocol/rtmp/command.ts";
import { ConnectionFlow } from "../../net/connection_flow.ts";
import type { Connection } from "../../net/engine.ts";
import type { TriedOrigin } from "../../core/contracts.ts";
import { OriginLink } from "./origin_link.ts";
import type { RtmpDependencies } from "./dependencies.ts";
import { tryOrigins } from "../../core/try_origins.ts";
import type { EndReason } from "./relayed_pair.ts";

/** Lasts from the resolver's first answer to the last byte. Must be disposed of exactly once. */
export class StreamSession implements Disposable {
  readonly id: string;
  readonly stream: string;
  readonly intent: "publish" | "play";
  /** Origins that were tried without success. */
  readonly tried: TriedOrigin[] = [];
  /** Why it ended, for the log; set it before disposing. */
  endReason: EndReason = "error";
  readonly #deps: RtmpDependencies;
  readonly #client: Connection;
  /** Aborted when the client leaves; absent once an origin is found. */
  #gone: AbortController | undefined = new AbortController();
  /** Measures what flows, once the origin serves the stream. */
  #flow: ConnectionFlow | undefined;
  #released = false;
  readonly #startedAt: number;

  constructor(deps: RtmpDependencies, client: Connection, stream: string, wish: StreamCommand) {
    this.id = deps.newSession();
    this.stream = stream;
    this.intent = wish.intent;
    this.#deps = deps;
    this.#client = client;
    this.#startedAt = deps.clock.now();
  }

  /** Whether the origin serves the stream. */
  get isOpen(): boolean {
    return this.#flow !== undefined;
  }

  /** Whether its origin is still being looked for. */
  get isSearching(): boolean {
    return this.#gone !== undefined;
  }

  /** Stops looking for an origin. */
  abandon(): void {
    this.#gone?.abort();
  }

  /**
   * Finds an origin and completes the handshake with it, within the answer timeout.
   *
   * @throws ProxyError `no_origin`, the error of the last origin, or `client_gone`
   */
  async findOrigin(): Promise<OriginLink> {
    const { resolver, engine } = this.#deps;
    const timeouts = this.#deps.timeouts();
    const { stream, intent, id: session } = this;
    const { signal: gone } = this.#gone!;
    const { link } = await tryOrigins(this.#deps, {
      protocol: "rtmp",
      timeout: timeouts.answer,
      dialTimeout: timeouts.dial,
      failures: this.#deps.failures,
      choose: (failed) => {
        return resolver.resolve({ stream, protocol: "rtmp", intent, session, failed });
      },
      dial: (address, timeout, origin) => {
        const client = this.#client.peer;
        return OriginLink.open(engine, origin, address, { timeout, gone, client });
      },
      failed: (origin, { code }) => this.tried.push({ origin, code }),
      isGone: () => gone.aborted || this.#client.closed,
    });
    this.#gone = undefined;
    return link;
  }

  /**
   * Records that the origin has accepted the stream.
   *
   * @throws ProxyError `stream_busy` when the stream has become live elsewhere meanwhile
   */
  async open(origin: string): Promise<void> {
    await this.#deps.resolver.confirm(this.id);
    const { intent, stream, id: session } = this;
    const { clock, metrics } = this.#deps;
    this.#flow = new ConnectionFlow(this.#client, clock);
    metrics.count("srs_proxy_rtmp_sessions_opened_total", { intent });
    const seconds = (clock.now() - this.#startedAt) / 1000;
    metrics.observe("srs_proxy_first_byte_seconds", seconds, { protocol: "rtmp" });
    const client = formatAddress(this.#client.peer);
    this.#deps.sessions.opened({ session, protocol: "rtmp", intent, stream, origin, client });
  }

  /** Reports what has flowed, if there is anything new. */
  tellFlowed(): void {
    const flowed = this.#flow?.look();
    if (flowed !== undefined) this.#deps.sessions.flowed({ session: this.id, flowed });
  }

  /** Releases the origin: the stream is not served, or no longer. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#deps.resolver.release(this.id);
  }

  [Symbol.dispose](): void {
    this.release();
    if (this.#flow === undefined) return;
    const { bytes } = this.#flow;
    this.#flow = undefined;
    const { intent, endReason: reason, id: session } = this;
    this.#deps.metrics.count("srs_proxy_rtmp_sessions_closed_total", { intent, reason });
    this.#deps.sessions.closed({ session, reason, ...bytes });
  }
}
