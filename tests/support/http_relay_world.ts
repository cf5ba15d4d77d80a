// The HTTP relay on a free port with a real registry, in this process, for tests that need short
// deadlines and access to its metrics.

import { VARIABLES } from "../../src/config/table.ts";
import { systemClock } from "../../src/core/clock.ts";
import { HopMark } from "../../src/core/hop_mark.ts";
import { ampleMemory } from "./ample_memory.ts";
import { HttpRelay, type HttpRelayOptions } from "../../src/relay/http/http_relay.ts";
import { loopback, RelayWorld, Surroundings } from "./relay_world.ts";
import { RawHttp } from "./raw_http.ts";
import { openTcpEngine } from "./tcp_engines.ts";

/** Deadlines that are never reached; tests about deadlines change a copy. */
export const HTTP_TIMEOUTS: ReturnType<HttpRelayOptions["timeouts"]> = {
  head: 2_000,
  keepAlive: 2_000,
  dial: 1_000,
  answer: 1_000,
  idle: 10_000,
  stall: 10_000,
};

export class HttpRelayWorld extends RelayWorld {
  readonly relay: HttpRelay;
  readonly #draining: { value: boolean };

  private constructor(around: Surroundings, relay: HttpRelay, draining: { value: boolean }) {
    super(around);
    this.relay = relay;
    this.#draining = draining;
  }

  static async open(options: Partial<HttpRelayOptions> = {}): Promise<HttpRelayWorld> {
    const draining = { value: false };
    const { clock = systemClock } = options;
    const around = await Surroundings.open();
    const relay = around.stack.use(HttpRelay.open({
      listen: { host: "127.0.0.1", port: 0 },
      clock,
      engine: openTcpEngine(clock, around.stack),
      limits: () => ({ maxConnections: 100, maxConnectionsPerAddress: 50 }),
      identifyMemory: ampleMemory(),
      timeouts: () => HTTP_TIMEOUTS,
      trustedProxies: () => [],
      hopMark: new HopMark(),
      hlsPaths: () => VARIABLES.PROXY_HLS_PATHS.kind(VARIABLES.PROXY_HLS_PATHS.default),
      corsOrigins: () => [],
      isDraining: () => draining.value,
      origins: () => around.registry.origins(),
      looksForFiles: () => false,
      answerOther: () => Promise.resolve(new Response("no such page", { status: 404 })),
      ...around.dependencies,
      ...options,
    }));
    return new HttpRelayWorld(around, relay, draining);
  }

  /** Registers an origin with HTTP on these loopback ports, if any, and optionally with RTMP. */
  async addOrigin(
    id: string,
    ports: number | readonly number[],
    { rtmp = false } = {},
  ): Promise<void> {
    const http = loopback(...[ports].flat());
    await this.around.register(id, { http, rtmp: rtmp ? loopback(1935) : [] });
  }

  client(): Promise<RawHttp> {
    return RawHttp.connect(this.relay.address.port);
  }

  /** Sends a request on a connection of its own, which ends with the answer. */
  async ask(target: string, ...lines: readonly string[]): Promise<RawHttp> {
    const client = await this.client();
    await client.get(target, "Connection: close", ...lines);
    await client.until();
    client.close();
    return client;
  }

  /** As the program does on SIGTERM. */
  drain(): void {
    this.#draining.value = true;
    this.relay.drain();
  }
}
