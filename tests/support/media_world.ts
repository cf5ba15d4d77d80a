// The WebRTC media relay on a free port with a real registry behind it, in this process, and clients
// and an origin that speak STUN with it over real sockets.

import { LiveSessions } from "../../src/api/session_log.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { RtcSession } from "../../src/core/contracts.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { RtcMediaRelay } from "../../src/relay/rtc/media_relay.ts";
import { stunRequest } from "./stun_message.ts";
import { UdpPeer } from "./udp_peer.ts";

/** Limits that a test may set. */
export type MediaWorldOptions = Partial<
  Pick<
    Parameters<typeof RtcMediaRelay.open>[0],
    "engine" | "maxSessions" | "maxSessionsPerAddress" | "startTimeout" | "consentTimeout"
  >
>;

/** A relay and what is around it. */
export class MediaWorld implements AsyncDisposable {
  readonly relay: RtcMediaRelay;
  readonly registry: Registry;
  readonly sessions: LiveSessions;
  readonly origin: UdpPeer;
  readonly errors: unknown[];
  readonly #metrics: PrometheusMetrics;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Parts) {
    this.relay = parts.relay;
    this.registry = parts.registry;
    this.sessions = parts.sessions;
    this.origin = parts.origin;
    this.errors = parts.errors;
    this.#metrics = parts.metrics;
    this.#stack = parts.stack;
  }

  static async open(options: MediaWorldOptions = {}): Promise<MediaWorld> {
    const stack = new AsyncDisposableStack();
    const metrics = new PrometheusMetrics();
    const sessions = new LiveSessions({ capacity: 20_000 });
    const errors: unknown[] = [];
    const origin = stack.use(new UdpPeer());
    const store = new MemoryStore({ maxOrigins: 10, maxStreams: 20_000 });
    const times = { originTtl: 60_000, streamIdle: 60_000 };
    const registry = stack.use(await Registry.open({ store, metrics, ...times }));
    await registry.register(originAt(origin.port));
    let ids = 0;
    const relay = stack.use(
      await RtcMediaRelay.open({
        listen: { host: "127.0.0.1", port: 0 },
        clock: systemClock,
        engine: "auto",
        maxSessions: 100,
        maxSessionsPerAddress: 100,
        startTimeout: 20_000,
        consentTimeout: 20_000,
        resolver: registry,
        rtcSessions: registry,
        sessions,
        metrics,
        newSession: () => `s${++ids}`,
        onError: (error) => errors.push(error),
        ...options,
      }),
    );
    return new MediaWorld({ relay, registry, sessions, origin, errors, metrics, stack });
  }

  /** A session at the origin; its password is its name twice. */
  session(name: string, stream = `__defaultVhost__/live/${name}`): RtcSession {
    const media = { host: "127.0.0.1", port: this.origin.port };
    const intent = "play";
    return { user: `${name}:me`, password: name + name, stream, intent, origin: "o", media };
  }

  /** Agrees upon a session that somebody at `client` has asked for. */
  async agree(name: string, client = "127.0.0.1"): Promise<RtcSession> {
    using place = this.relay.reserve(client);
    const session = this.session(name);
    await this.relay.open(session, place);
    return session;
  }

  /** Has a client send a request for a session, by default with the right password. */
  async check(client: UdpPeer, name: string, password = name + name): Promise<void> {
    await client.send(stunRequest({ user: `${name}:me`, password }), this.relay.address.port);
  }

  /**
   * Has a client prove itself, and the origin hear of it.
   *
   * @returns the port from which the relay speaks to the origin for this client
   */
  async start(client: UdpPeer, name: string): Promise<number> {
    for (let tries = 0; tries < 10; tries++) {
      await this.check(client, name);
      // A client asks again when it is not heard; not so soon that the origin hears it twice.
      const datagram = await this.origin.next(1_000).catch(() => undefined);
      if (datagram) return datagram.port;
    }
    throw new Error(`Cannot start session ${name}: the origin has heard nothing`);
  }

  /** The sum of a counter or gauge over all labels, or over those that contain `labels`. */
  async metric(name: string, labels = ""): Promise<number> {
    const { text } = await this.#metrics.expose();
    return text.split("\n")
      .filter((line) => line.startsWith(name) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface Parts {
  readonly relay: RtcMediaRelay;
  readonly registry: Registry;
  readonly sessions: LiveSessions;
  readonly origin: UdpPeer;
  readonly errors: unknown[];
  readonly metrics: PrometheusMetrics;
  readonly stack: AsyncDisposableStack;
}

function originAt(port: number) {
  const rtc = [{ host: "127.0.0.1", port }];
  const endpoints = { rtmp: [], http: [], api: [], srt: [], rtc };
  return { id: "o", generation: "1", deviceId: "", ip: "127.0.0.1", endpoints };
}
