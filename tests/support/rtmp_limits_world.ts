// The RTMP relay on a free port with a real registry behind it, in this process, for tests that need
// small bounds and short deadlines and to look at what it counts.

import type { SessionRefused } from "../../src/core/ports.ts";
import { parseCommand, property } from "../../src/protocol/rtmp/command.ts";
import { RtmpRelay, type RtmpRelayOptions } from "../../src/relay/rtmp/rtmp_relay.ts";
import { ampleMemory } from "./ample_memory.ts";
import { loopback, RelayWorld, Surroundings } from "./relay_world.ts";
import { Script } from "./rtmp_script.ts";
import { join, readWire } from "./rtmp_wire.ts";
import { isOver } from "./scripted_http_origin.ts";

/** Deadlines for tests in which none of them passes; change some of a copy for the others. */
export const RTMP_TIMEOUTS: RtmpRelayOptions["timeouts"] = {
  handshake: 5_000,
  identify: 5_000,
  dial: 1_000,
  answer: 2_000,
  idle: 60_000,
  stall: 60_000,
};

const HANDSHAKE = new Uint8Array(1536);
const SERVER_HANDSHAKE = 3073;

/** A relay with its surroundings; disposing of it closes all. */
export class RtmpRelayWorld extends RelayWorld {
  readonly relay: RtmpRelay;
  readonly refused: readonly SessionRefused[];

  private constructor(
    around: Surroundings,
    relay: RtmpRelay,
    refused: readonly SessionRefused[],
  ) {
    super(around);
    this.relay = relay;
    this.refused = refused;
  }

  static async open(options: Partial<RtmpRelayOptions> = {}): Promise<RtmpRelayWorld> {
    const around = await Surroundings.open();
    const { sessions } = around;
    const refused: SessionRefused[] = [];
    const relay = around.stack.use(RtmpRelay.open({
      ...around.ports,
      listen: { host: "::", port: 0 },
      limits: { maxConnections: 1_000, maxConnectionsPerAddress: 500 },
      identifyMemory: ampleMemory(),
      timeouts: { ...RTMP_TIMEOUTS },
      sessions: {
        opened: (event) => sessions.opened(event),
        closed: (event) => sessions.closed(event),
        refused: (event) => refused.push(event),
      },
      isDraining: () => false,
      ...options,
    }));
    return new RtmpRelayWorld(around, relay, refused);
  }

  /** Registers an origin with RTMP on these loopback ports. */
  async addOrigin(id: string, ...ports: readonly number[]): Promise<void> {
    await this.around.register(id, { rtmp: loopback(...ports) });
  }

  /** A client, of IPv4 unless told. */
  client(hostname = "127.0.0.1"): Promise<RtmpClient> {
    return RtmpClient.open(this.relay.address.port, hostname);
  }
}

/** A client that sends what it is given and understands what comes back. */
export class RtmpClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #received: Uint8Array[] = [];

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(port: number, hostname: string): Promise<RtmpClient> {
    return new RtmpClient(await Deno.connect({ hostname, port }));
  }

  /** Sends all of it; a connection that is over is nobody's fault. */
  async send(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    } catch (error) {
      // Whoever reads next sees it.
      if (!isOver(error)) throw error;
    }
  }

  /** Shakes hands and says connect. */
  async connect(): Promise<void> {
    const fields = { app: "live", tcUrl: "rtmp://tv.example/live" };
    await this.send(join([Uint8Array.of(3), HANDSHAKE, HANDSHAKE]));
    await this.send(new Script().command(["connect", 1, fields]).bytes);
  }

  /** Says connect, createStream and that it wants a stream. */
  async want(intent: "publish" | "play", stream: string): Promise<void> {
    await this.connect();
    const script = new Script().command(["createStream", 2, null]);
    await this.send(script.command([intent, 3, null, stream], { streamId: 1 }).bytes);
  }

  /** Reads until it has been told this, or the connection is over. @returns whether it has been */
  async isTold(code: string): Promise<boolean> {
    while (!this.codes().includes(code)) {
      if (!await this.#read()) return this.codes().includes(code);
    }
    return true;
  }

  /** Reads to the end of the connection. */
  async end(): Promise<void> {
    while (await this.#read());
  }

  /** The codes of all `onStatus` so far. */
  codes(): unknown[] {
    const bytes = join(this.#received).subarray(SERVER_HANDSHAKE);
    const { messages } = readWire(bytes, true);
    return messages.filter(({ type }) => type === 20).map(parseCommand)
      .filter(({ name }) => name === "onStatus")
      .map(({ values }) => property(values[1], "code"));
  }

  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch (error) {
      if (!isOver(error)) throw error;
    }
  }

  async #read(): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    try {
      const count = await this.#connection.read(buffer);
      if (count === null) return false;
      this.#received.push(buffer.subarray(0, count));
      return true;
    } catch (error) {
      if (isOver(error)) return false;
      throw error;
    }
  }
}
