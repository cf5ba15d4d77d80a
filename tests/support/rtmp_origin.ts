// An RTMP origin controlled by a test: it answers what every origin answers, as far as the test
// allows, and leaves the rest to the test.

import { parseCommand } from "../../src/protocol/rtmp/command.ts";
import { readExactly, RtmpPeer } from "./rtmp_peer.ts";
import { answerConnect, answerStatus, Script } from "./rtmp_script.ts";
import { until } from "./wait.ts";

const GREETING = 1537;

/** How an origin behaves. */
export interface RtmpOriginOptions {
  readonly chunkSize?: number;
  /** Commands that it does not answer. */
  readonly ignores?: readonly string[];
  /** How it answers a greeting; properly unless given. */
  readonly greets?: "well" | "never" | "by closing";
  /** Whether a proxy probes it, so that connections which end in their greeting are not an error. */
  readonly isProbed?: boolean;
  /** What it sends in one write with its handshake, instead of any answers. */
  readonly eager?: Uint8Array<ArrayBuffer>;
  /** What it sends in one write with its answer to play, without waiting for an acknowledgement. */
  readonly plays?: Uint8Array<ArrayBuffer>;
}

/** A listening origin on loopback. */
export class RtmpOrigin implements AsyncDisposable {
  /** Connections that have greeted it. */
  greetings = 0;
  /** Connections whose greeting it has answered, in order. */
  readonly links: RtmpPeer[] = [];
  readonly #options: RtmpOriginOptions;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>[] = [];
  /** Those that are no link, yet or at all. */
  readonly #connections = new Set<Deno.Conn>();
  readonly #accepting = this.#accept();
  #isClosed = false;

  constructor(options: RtmpOriginOptions = {}) {
    this.#options = options;
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** The latest of its links. */
  get link(): RtmpPeer {
    return this.links.at(-1)!;
  }

  /** Waits until it has been dialled this many times. */
  async isGreeted(times = 1): Promise<void> {
    await until("a greeting", () => this.greetings >= times, { interval: 5 });
  }

  /** Waits for a link and a command on it. */
  async hears(command: string): Promise<RtmpPeer> {
    await until("a link", () => this.links.length > 0, { interval: 5 });
    await this.link.hears(command);
    return this.link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
    for (const link of this.links) link[Symbol.dispose]();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const serving = this.#serve(connection);
        // Errors are thrown when the origin is disposed of.
        serving.catch(() => {});
        this.#serving.push(serving);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    this.#connections.add(connection);
    let link: RtmpPeer | undefined;
    try {
      link = await this.#greet(connection);
    } catch (error) {
      this.#close(connection);
      if (!this.#options.isProbed && !this.#isClosed) throw error;
    }
    if (link === undefined) return;
    this.#connections.delete(connection);
    this.links.push(link);
    if (this.#options.eager === undefined) await this.#answer(link);
  }

  /** @returns undefined if the connection becomes no link */
  async #greet(connection: Deno.TcpConn): Promise<RtmpPeer | undefined> {
    const { greets = "well", eager, plays } = this.#options;
    const greeting = await readExactly(connection, GREETING);
    this.greetings++;
    if (plays !== undefined) connection.setNoDelay(true);
    if (greets === "by closing") this.#close(connection);
    return greets === "well" ? await RtmpPeer.accept(connection, greeting, eager) : undefined;
  }

  /** Closes one that is no link, unless that has been done. */
  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  /** Answers each command as it arrives, up to publish or play. */
  async #answer(link: RtmpPeer): Promise<void> {
    const { chunkSize = 60_000, ignores = [], plays } = this.#options;
    for (let answered = 0; !link.isOver;) {
      const command = link.messages.filter(({ type }) => type === 20)[answered];
      if (command === undefined) {
        await link.more();
        continue;
      }
      answered++;
      const { name, transaction } = parseCommand(command);
      if (ignores.includes(name)) continue;
      if (name === "connect") {
        await link.say(answerConnect(new Script().control(1, chunkSize), transaction));
      } else if (name === "createStream") {
        await link.say(new Script().command(["_result", transaction, null, 1]));
      } else if (name === "play" || name === "publish") {
        const answer = answerStatus(new Script(), startOf(name));
        if (name === "play" && plays !== undefined) answer.raw(plays);
        await link.say(answer);
      }
    }
  }
}

/** The code with which an origin says that a stream has begun. */
export function startOf(wish: "publish" | "play"): string {
  return `NetStream.${wish === "play" ? "Play" : "Publish"}.Start`;
}
