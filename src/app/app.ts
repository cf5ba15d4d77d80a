// The whole program: opens, reconfigures, drains and closes its parts together. Knows no signals and no
// exit codes.

import { openParts, type Parts, type Relay } from "./parts.ts";
import type { LogOutput } from "./surroundings.ts";
import type { Clock } from "../core/clock.ts";
import { ownRtcTcp } from "./lanes.ts";
import { permanentOrigins, readTlsFiles } from "./registry.ts";
import { placeOf } from "../core/fleet.ts";
import type { Config } from "../config/config.ts";
import type { Transport } from "../core/fleet.ts";
import type { Address } from "../core/address.ts";
import { ProxyError } from "../core/errors.ts";
import { findBusyPorts, type WantedPort } from "../net/busy_ports.ts";
import type { Heart } from "../core/contracts.ts";

export interface Listener {
  /** "RTMP", "HTTP server", "HTTP API", "System API", "WebRTC" or "SRT". */
  readonly name: string;
  readonly transport: Transport;
  readonly address: Address;
}

/** A running proxy. */
export class App implements AsyncDisposable {
  /** Everything it listens on, with the real ports. */
  readonly listeners: readonly Listener[];
  /** Rejects when a listener dies by itself. */
  readonly closed: Promise<void>;
  /** The threads, any of which may get stuck while the event loop runs. */
  readonly hearts: readonly Heart[];
  readonly #clock: Clock;
  readonly #stack: AsyncDisposableStack;
  readonly #parts: Parts;
  readonly #relays: readonly Relay[];

  private constructor(parts: Parts, stack: AsyncDisposableStack, clock: Clock) {
    const { lanes, rtmp, httpServer, rtcMedia, srt, httpApi, system, state } = parts;
    this.#clock = clock;
    this.#stack = stack;
    this.#parts = parts;
    this.#relays = [rtmp, httpServer, rtcMedia, srt];
    this.hearts = lanes.hearts;
    this.listeners = [
      { name: "RTMP", transport: "tcp", address: rtmp.address },
      { name: "HTTP server", transport: "tcp", address: httpServer.address },
      { name: "HTTP API", transport: "tcp", address: httpApi.address },
      { name: "System API", transport: "tcp", address: system.address },
      { name: "WebRTC", transport: "udp", address: rtcMedia.address },
      { name: "SRT", transport: "udp", address: srt.address },
      ...optionalListeners(parts),
    ];
    state.ownAddresses = this.listeners.map(({ transport, address }) => ({
      transport,
      ...address,
    }));
    const all = [rtmp, httpServer, httpApi, system].map(({ closed }) => closed);
    this.closed = Promise.all(all).then(() => {});
    this.closed.catch(() => {});
  }

  /**
   * @param log where its log goes
   * @throws ProxyError `internal` when ports cannot be bound, with a line for each; nothing is left open
   */
  static async open(config: Config, log: LogOutput, clock: Clock): Promise<App> {
    try {
      return await App.#open(config, log, clock);
    } catch (error) {
      throw withAllBusyPorts(error, config);
    }
  }

  static async #open(config: Config, log: LogOutput, clock: Clock): Promise<App> {
    await using stack = new AsyncDisposableStack();
    const parts = await openParts(config, { log, clock }, stack);
    const app = new App(parts, stack.move(), clock);
    const { registry, state, localAddresses } = parts;
    await registry.announce(placeOf(state.ownAddresses, localAddresses.all));
    return app;
  }

  get sessions(): number {
    return this.#parts.sessions.size;
  }

  async countOrigins(): Promise<number> {
    return (await this.#parts.registry.origins()).length;
  }

  get config(): Config {
    return this.#parts.state.config;
  }

  /**
   * Applies another configuration, and reads the TLS files again.
   *
   * @param next differs from the previous one only in live variables
   * @throws ProxyError `internal` when such a file cannot be read, `overloaded` when there is no room for
   * another default backend; nothing has changed then
   */
  async reconfigure(next: Config): Promise<void> {
    const { lanes, registry, rtcMedia, srt, state } = this.#parts;
    const { type, originTtl, placement } = next.registry;
    const { access } = next.redis;
    const certify = await state.certificates?.prepare(next.tls);
    const trust = await state.originTrust.prepare(next.tls.originAuthorities);
    const redisAccess = type === "redis" ? await readTlsFiles(access) : access;
    const permanent = permanentOrigins(next.defaultBackend, type);
    await registry.configure({ originTtl, permanent, placement });
    state.redisAccess = redisAccess;
    state.config = next;
    certify?.();
    trust();
    await lanes.configure(next.variables);
    rtcMedia.configure(next.webrtc);
    srt.configure(next.srt);
  }

  /**
   * Becomes "not ready" and takes no new clients and no new streams; what runs continues. The APIs answer
   * to the end, since clients end their WebRTC sessions there. Where other processes share the ports, they
   * answer instead, and get the origins' heartbeats.
   */
  drain(): void {
    const { state, system, httpApi } = this.#parts;
    if (state.draining) return;
    state.draining = true;
    for (const relay of this.#relays) relay.drain();
    if (!this.config.listen.reusePort) return;
    system.stop();
    httpApi.stop();
  }

  /**
   * Resolves when the last stream has ended.
   *
   * @param grace milliseconds after which the rest is ended cleanly
   */
  async finish(grace: number): Promise<void> {
    const kill = () => this.#relays.forEach((relay) => relay.kill());
    using _deadline = this.#clock.after(grace, kill);
    await Promise.all(this.#relays.map((relay) => relay.idle()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function optionalListeners({ lanes, rtmp, httpServer, httpApi, system }: Parts): Listener[] {
  const named = [
    ["WebRTC over TCP", lanes.ownRtcTcp],
    ["RTMP over TLS", rtmp.secureAddress],
    ["HTTP server over TLS", httpServer.secureAddress],
    ["HTTP API over TLS", httpApi === httpServer ? undefined : httpApi.secureAddress],
    ["System API over TLS", system.secureAddress],
  ] as const;
  return named.flatMap(([name, address]) => address ? [{ name, transport: "tcp", address }] : []);
}

/** Shared ports are not tried: that would take clients from the processes that have them. */
function withAllBusyPorts(error: unknown, config: Config): unknown {
  const { listen, tls } = config;
  if (!(error instanceof ProxyError) || error.code !== "internal" || listen.reusePort) return error;
  const optional = [
    ["WebRTC over TCP", ownRtcTcp(config)],
    ["RTMP over TLS", tls.rtmps],
    ["HTTP server over TLS", tls.httpsServer],
    ["HTTP API over TLS", tls.httpsApi],
    ["System API over TLS", tls.systemApi],
  ] as const;
  const ports: readonly WantedPort[] = [
    { name: "RTMP", transport: "tcp", listen: listen.rtmp },
    { name: "HTTP server", transport: "tcp", listen: listen.httpServer },
    { name: "HTTP API", transport: "tcp", listen: listen.httpApi },
    { name: "System API", transport: "tcp", listen: listen.systemApi },
    { name: "WebRTC", transport: "udp", listen: listen.webrtc },
    { name: "SRT", transport: "udp", listen: listen.srt },
    ...optional.flatMap(([name, listen]): WantedPort[] => {
      return listen ? [{ name, transport: "tcp", listen }] : [];
    }),
  ];
  const lines = findBusyPorts(ports);
  return lines.length === 0
    ? error
    : new ProxyError("internal", lines.join("\n"), { cause: error });
}
