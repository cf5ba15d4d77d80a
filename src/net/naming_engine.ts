// An engine whose connections to origins begin by naming their client, for origins that stand behind a
// load balancer or want to know.

import type { Address } from "../core/address.ts";
import { parseIp } from "../core/ip_address.ts";
import { encodeLocal, encodeProxyHeader } from "./proxy_header.ts";
import type {
  Connection,
  DialOptions,
  Listener,
  ListenOptions,
  Pipe,
  PipeParts,
  TcpEngine,
} from "./engine.ts";

/**
 * How origins are told: not at all; by a PROXY header of version 2; or, on RTMP connections only, by
 * the prefix that SRS accepts before a handshake, which has room for IPv4 only.
 */
export type OriginHeader = "off" | "v2" | "srs";

/** See `TcpEngine`; everything except `dial` is the given engine's. */
export class NamingEngine implements TcpEngine {
  readonly #engine: TcpEngine;
  readonly #header: () => OriginHeader;
  readonly #way: keyof typeof NAMES;

  /**
   * @param header called for every connection
   * @param way the header that this engine writes; with any other it writes nothing
   */
  constructor(engine: TcpEngine, header: () => OriginHeader, way: keyof typeof NAMES) {
    this.#engine = engine;
    this.#header = header;
    this.#way = way;
  }

  get kind(): TcpEngine["kind"] {
    return this.#engine.kind;
  }

  get clock(): TcpEngine["clock"] {
    return this.#engine.clock;
  }

  get namesClients(): boolean {
    return this.#header() === "v2";
  }

  listen(options: ListenOptions): Listener {
    return this.#engine.listen(options);
  }

  async dial(address: Address, options: DialOptions): Promise<Connection> {
    const connection = await this.#engine.dial(address, options);
    if (this.#header() !== this.#way) return connection;
    const name = NAMES[this.#way](address, options);
    // The system takes the first bytes of a connection at once.
    if (name !== undefined) await connection.write(name);
    return connection;
  }

  pipe(parts: PipeParts): Pipe {
    return this.#engine.pipe(parts);
  }
}

const NAMES = {
  v2: (origin: Address, { client }: DialOptions) => {
    return client ? encodeProxyHeader(client, origin) : encodeLocal();
  },
  srs: (_origin: Address, { client, protocol }: DialOptions) => {
    const ip = client && protocol === "rtmp" ? parseIp(client.host) : undefined;
    return ip?.length === 4 ? Uint8Array.of(0xf3, 0, 4, ...ip) : undefined;
  },
};
