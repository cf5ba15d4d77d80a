// The RTMP relay on a free port in this process, with a real registry behind it and an origin that
// answers connect, createStream and the wish, and leaves the rest to the test.

import type { RtmpTimeouts } from "../../src/relay/rtmp/ports.ts";
import { RtmpRelay } from "../../src/relay/rtmp/rtmp_relay.ts";
import { parseCommand } from "../../src/protocol/rtmp/command.ts";
import { ampleMemory } from "./ample_memory.ts";
import { loopback, RelayWorld, Surroundings } from "./relay_world.ts";
import { RtmpPeer } from "./rtmp_peer.ts";
import { answerConnect, answerStatus, Script } from "./rtmp_script.ts";
import { until } from "./wait.ts";

/** Deadlines of which none passes in a test that does not set it. */
const TIMEOUTS: RtmpTimeouts = {
  handshake: 2_000,
  identify: 5_000,
  dial: 1_000,
  answer: 2_000,
  idle: 20_000,
  stall: 20_000,
};

/** An origin's side of the talk: it answers what every origin answers. */
export class AnsweringOrigin implements AsyncDisposable {
  /** Links of the proxy, in the order in which they came. */
  readonly links: RtmpPeer[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #chunkSize: number;
  readonly #accepting: Promise<void>;
  readonly #serving: Promise<void>[] = [];
  #isClosed = false;

  constructor(chunkSize = 60_000) {
    this.#chunkSize = chunkSize;
    this.#accepting = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#listener.close();
    for (const link of this.links) link[Symbol.dispose]();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const link = await RtmpPeer.accept(connection);
        this.links.push(link);
        this.#serving.push(this.#answer(link));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Answers one message after the other, as they come, up to publish or play. */
  async #answer(link: RtmpPeer): Promise<void> {
    const script = () => new Script().raw(new Uint8Array());
    for (let answered = 0; !this.#isClosed && !link.isOver;) {
      const command = link.messages.filter(({ type }) => type === 20)[answered];
      if (command === undefined) {
        await until("a command, or the end", () => {
          const count = link.messages.filter(({ type }) => type === 20).length;
          return count > answered || link.isOver || this.#isClosed;
        }, { interval: 5, timeout: 60_000 });
        continue;
      }
      answered++;
      const { name, transaction } = parseCommand(command);
      if (name === "connect") {
        await link.say(answerConnect(script().control(1, this.#chunkSize), transaction));
      } else if (name === "createStream") {
        await link.say(script().command(["_result", transaction, null, 1]));
      } else if (name === "play" || name === "publish") {
        const code = name === "play" ? "NetStream.Play.Start" : "NetStream.Publish.Start";
        await link.say(answerStatus(script(), code));
        return;
      }
    }
  }
}

/** A relay, its origin and what it counts. */
export class RtmpRelayWorld extends RelayWorld {
  readonly relay: RtmpRelay;
  readonly origin: AnsweringOrigin;

  private constructor(around: Surroundings, relay: RtmpRelay, origin: AnsweringOrigin) {
    super(around);
    this.relay = relay;
    this.origin = origin;
  }

  static async open(
    timeouts: Partial<RtmpTimeouts> = {},
    origin = new AnsweringOrigin(),
  ): Promise<RtmpRelayWorld> {
    const around = await Surroundings.open();
    around.stack.use(origin);
    await around.register("o", { rtmp: loopback(origin.port) });
    const relay = around.stack.use(RtmpRelay.open({
      listen: { host: "127.0.0.1", port: 0 },
      limits: { maxConnections: 100, maxConnectionsPerAddress: 50 },
      identifyMemory: ampleMemory(),
      timeouts: { ...TIMEOUTS, ...timeouts },
      isDraining: () => false,
      ...around.ports,
    }));
    return new RtmpRelayWorld(around, relay, origin);
  }

  client(): Promise<RtmpPeer> {
    return RtmpPeer.connect(this.relay.address.port);
  }

  /** A client that has said connect, createStream and its wish, and was told that it has begun. */
  async begun(wish: "publish" | "play", stream = "cam"): Promise<RtmpPeer> {
    const client = await this.client();
    await client.say(
      new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://127.0.0.1/live" }])
        .command(["createStream", 2, null])
        .command([wish, 3, null, stream], { streamId: 1 }),
    );
    await client.hears(`onStatus:NetStream.${wish === "play" ? "Play" : "Publish"}.Start`);
    return client;
  }
}
