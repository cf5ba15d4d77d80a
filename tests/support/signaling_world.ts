// WebRTC signalling behind the HTTP API on a free port with a real registry, in this process, for
// tests that need short deadlines and access to what the media relay is told.

import { systemClock } from "../../src/core/clock.ts";
import { httpApi, type HttpApiDependencies } from "../../src/api/http_api.ts";
import { HopMark } from "../../src/core/hop_mark.ts";
import type { Address } from "../../src/core/address.ts";
import type { RtcSession } from "../../src/core/contracts.ts";
import { WebServer } from "../../src/http1/web_server.ts";
import type { RtcMedia, SignalingDependencies } from "../../src/relay/rtc/dependencies.ts";
import { type SessionPlace, SessionPlaces } from "../../src/relay/rtc/session_places.ts";
import { ampleMemory } from "./ample_memory.ts";
import { answersOf, apiDependencies } from "./api_desk.ts";
import { managementWith } from "./system_desk.ts";
import { Signaling } from "../../src/relay/rtc/signaling.ts";
import { DenoTcpEngine } from "../../src/net/deno/tcp_engine.ts";
import { loopback, RelayWorld, Surroundings } from "./relay_world.ts";

const ABOUT = {
  signature: "srs-proxy",
  version: "1.2.3",
  numbers: { major: 1, minor: 2, revision: 3, version: "1.2.3" },
  service: "s7",
  pid: "1",
};

/** Stands in for the media relay and records what signalling tells it. */
class SeenMedia implements RtcMedia {
  readonly opened: RtcSession[] = [];
  readonly ended: [user: string, reason: string][] = [];
  /** Limits on sessions, begun or only reserved. */
  readonly limits = { maxSessions: 100, maxSessionsPerAddress: 100 };
  /** Must resolve before a session is accepted. */
  taken: Promise<void> = Promise.resolve();
  /** Users before a restart. */
  readonly before: (string | undefined)[] = [];
  readonly places = new SessionPlaces(() => this.limits);
  readonly #kept = new Map<string, SessionPlace>();

  reserve(client: string): SessionPlace {
    return this.places.take(client);
  }

  async open(session: RtcSession, place: SessionPlace, before?: string): Promise<void> {
    this.opened.push(session);
    this.before.push(before);
    this.#kept.set(session.user, place.handOn());
    await this.taken;
  }

  end(user: string, reason: string): void {
    this.ended.push([user, reason]);
    this.#kept.get(user)?.[Symbol.dispose]();
  }
}

export type SignalingWorldOptions =
  & Partial<SignalingDependencies>
  & Partial<Pick<HttpApiDependencies, "access">>;

export class SignalingWorld extends RelayWorld {
  readonly media = new SeenMedia();
  /** Reasons for which the server itself has refused connections and requests. */
  readonly refused: string[] = [];
  isDraining = false;
  readonly #signaling: Signaling;
  readonly #server: WebServer;

  private constructor(around: Surroundings, options: SignalingWorldOptions) {
    super(around);
    const { clock = systemClock } = options;
    this.#signaling = around.stack.use(Signaling.open({
      timeouts: () => ({ dial: 1_000, answer: 1_000, head: 500 }),
      clock,
      engine: new DenoTcpEngine(clock),
      rtcSessions: around.registry,
      media: this.media,
      trustedProxies: () => [],
      identifyMemory: ampleMemory(),
      hopMark: new HopMark(),
      candidates: () => [],
      mediaPort: 18000,
      isDraining: () => this.isDraining,
      ...around.dependencies,
      ...options,
    }));
    const { handle } = httpApi(apiDependencies({
      about: ABOUT,
      answers: around.stack.use(answersOf([])),
      management: managementWith({ clock: systemClock, access: () => ({ token: "of-nobody" }) }),
      access: () => options.access ?? {},
      corsOrigins: () => [],
      signal: (request, peer) => this.signal(request, peer),
    }));
    this.#server = around.stack.use(WebServer.open({
      name: "HTTP API",
      listen: { host: "127.0.0.1", port: 0 },
      engine: new DenoTcpEngine(systemClock),
      limits: () => ({ maxConnections: 50, maxConnectionsPerAddress: 20 }),
      identifyMemory: ampleMemory(),
      timeouts: () => ({ head: 500, keepAlive: 500, stall: 500 }),
      handle,
      onRefused: (reason) => this.refused.push(reason),
      onError: around.dependencies.onError,
    }));
  }

  static async open(options: SignalingWorldOptions = {}): Promise<SignalingWorld> {
    return new SignalingWorld(await Surroundings.open(), options);
  }

  get port(): number {
    return this.#server.address.port;
  }

  /** The URL of a path at this proxy. */
  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Passes a request to signalling directly, as if it came from that peer. */
  signal(request: Request, peer: Address): Promise<Response> {
    return this.#signaling.handle(request, peer);
  }

  /** Registers an origin with its API and optionally WebRTC on loopback ports. */
  async addOrigin(id: string, api: readonly number[], rtc: readonly number[] = []): Promise<void> {
    await this.around.register(id, { api: loopback(...api), rtc: loopback(...rtc) });
  }

  /** The registry's record of a session. */
  record(user: string): Promise<RtcSession | undefined> {
    return this.registry.session(user);
  }
}
