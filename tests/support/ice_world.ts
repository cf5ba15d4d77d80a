// The WebRTC relay with a port for clients over TCP, in this process, on either engine.

import { systemClock } from "../../src/core/clock.ts";
import { FORWARDERS } from "../../src/lane/served_forwarders.ts";
import type { ConnectionLimits } from "../../src/net/served_connections.ts";
import type { TcpEngine } from "../../src/net/engine.ts";
import { IceServer } from "../../src/relay/rtc/ice_server.ts";
import { IcePeer } from "./ice_peer.ts";
import { MediaWorld, type MediaWorldOptions } from "./media_world.ts";
import { openTcpEngine } from "./tcp_engines.ts";

export interface IceWorldOptions extends Omit<MediaWorldOptions, "create" | "engine"> {
  readonly engine: TcpEngine["kind"];
  readonly limits?: ConnectionLimits;
}

export class IceWorld implements AsyncDisposable {
  readonly media: MediaWorld;
  readonly server: IceServer;
  readonly #stack: AsyncDisposableStack;

  private constructor(media: MediaWorld, server: IceServer, stack: AsyncDisposableStack) {
    this.media = media;
    this.server = server;
    this.#stack = stack;
  }

  static async open({ engine, limits, ...options }: IceWorldOptions): Promise<IceWorld> {
    const stack = new AsyncDisposableStack();
    const { startTimeout = 20_000 } = options;
    const open = limits ?? { maxConnections: 1_000, maxConnectionsPerAddress: 1_000 };
    let server: IceServer | undefined;
    const media = await MediaWorld.open({
      ...options,
      engine,
      create: (parts) => FORWARDERS.rtc({ ...parts, connections: server }),
      prepare: ({ metrics, onError }) => {
        server = IceServer.open({
          ...{ metrics, onError, clock: systemClock },
          listen: { host: "127.0.0.1", port: 0 },
          engine: openTcpEngine(systemClock, stack, engine),
          limits: () => open,
          startTimeout: () => startTimeout,
        });
        stack.use(server);
      },
    });
    stack.use(media);
    return new IceWorld(media, server!, stack);
  }

  /** The proxy's port. */
  get port(): number {
    return this.server.address!.port;
  }

  connect(): Promise<IcePeer> {
    return IcePeer.connect(this.port);
  }

  /** Has a client prove itself. @returns the port from which its origin receives */
  async start(client: IcePeer, name: string): Promise<number> {
    await client.check(name);
    return (await this.media.origin.next()).port;
  }

  /** How many connections were refused for a reason. */
  refused(reason: string): Promise<number> {
    return this.media.metric("srs_proxy_rtc_tcp_refused_total", `reason="${reason}"`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
