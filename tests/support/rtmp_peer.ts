// One end of an RTMP connection controlled by a test, client or origin: it sends scripts byte for
// byte and keeps everything it receives, as far as the test lets it read.

import { Script } from "./rtmp_script.ts";
import { join, readWire, type WireMessage } from "./rtmp_wire.ts";
import { within } from "./wait.ts";
import { parseCommand } from "../../src/protocol/rtmp/command.ts";

const BLOCK = 1536;
/** What either side begins with: the version, a time and random bytes, which may all be 0. */
const GREETING = new Uint8Array(1 + BLOCK);
GREETING[0] = 3;
/** Deadline for every wait, milliseconds. */
const PATIENCE = 10_000;

/** A connection during or after its handshake. */
export class RtmpPeer implements Disposable {
  readonly #ended: Promise<void>;
  readonly #connection: Deno.Conn;
  readonly #told: Uint8Array[] = [];
  #isDeaf = false;
  #isOver = false;
  #news = Promise.withResolvers<void>();
  readonly #disposed = Promise.withResolvers<void>();

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
    this.#ended = this.#read().finally(() => {
      this.#isOver = true;
      this.#news.resolve();
    });
  }

  /** Connects to a port and sends these bytes, which need not be a handshake. */
  static async begin(port: number, said: Uint8Array): Promise<RtmpPeer> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(connection, said);
    return new RtmpPeer(connection);
  }

  /** Connects to a port as a client. */
  static async connect(port: number, hostname = "127.0.0.1"): Promise<RtmpPeer> {
    return await RtmpPeer.greet(await Deno.connect({ hostname, port }));
  }

  /** Shakes hands as a client, over a connection that is closed if that fails. */
  static async greet(connection: Deno.Conn): Promise<RtmpPeer> {
    try {
      await writeAll(connection, GREETING);
      const answer = await readExactly(connection, 1 + 2 * BLOCK);
      await writeAll(connection, answer.subarray(1, 1 + BLOCK));
      return new RtmpPeer(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * Accepts a connection as an origin does.
   *
   * @param greeting the greeting it has received
   * @param behind what is sent in one write with the handshake
   */
  static async accept(
    connection: Deno.TcpConn,
    greeting: Uint8Array,
    behind = new Uint8Array(),
  ): Promise<RtmpPeer> {
    await writeAll(connection, join([GREETING, greeting.subarray(1), behind]));
    await readExactly(connection, BLOCK);
    return new RtmpPeer(connection);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** How many bytes it has received so far. */
  get bytes(): number {
    return this.#told.reduce((sum, { length }) => sum + length, 0);
  }

  /** Every message received so far. */
  get messages(): readonly WireMessage[] {
    return readWire(join(this.#told)).messages;
  }

  /** Names of the commands received so far, with the code of those that have one. */
  get commands(): readonly string[] {
    return this.messages.filter(({ type, body }) => type === 20 && body.length > 0).map(
      (message) => {
        const { name, values } = parseCommand(message);
        const code = (values[1] as { code?: string } | undefined)?.code;
        return code === undefined ? name : `${name}:${code}`;
      },
    );
  }

  /** Waits until the other side has ended the connection, or this one has closed it. */
  ends(): Promise<void> {
    return within("the end of a connection", PATIENCE, this.#ended);
  }

  /** Stops reading after the current read, without closing. */
  stopReading(): void {
    this.#isDeaf = true;
  }

  /** Reads this many bytes although reading has been stopped. */
  async takes(bytes: number): Promise<void> {
    await readExactly(this.#connection, bytes);
  }

  say(script: Script | Uint8Array): Promise<void> {
    return writeAll(this.#connection, script instanceof Script ? script.bytes : script);
  }

  /** Closes the sending half, and waits until the other side has ended the connection too. */
  async finish(): Promise<void> {
    try {
      await this.#connection.closeWrite();
    } catch (error) {
      // It has ended already.
      if (!isOver(error) && !(error instanceof Deno.errors.NotConnected)) throw error;
    }
    await this.ends();
  }

  /** Resolves when more has been received or the connection has ended. */
  more(): Promise<void> {
    return this.#news.promise;
  }

  /**
   * Waits for a command by name, or by name and code. @throws Error when the connection ends first
   */
  async hears(command: string): Promise<void> {
    await this.sees(command, () => this.commands.includes(command));
  }

  /** Waits until `isEnough` holds. @throws Error when the connection ends first */
  async sees(what: string, isEnough: () => boolean): Promise<void> {
    const look = async () => {
      while (!isEnough()) {
        if (this.#isOver) throw new Error(`Cannot see ${what}: there was ${this.commands}`);
        await this.more();
      }
    };
    await within(what, PATIENCE, look());
  }

  [Symbol.dispose](): void {
    this.#disposed.resolve();
    try {
      this.#connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      while (!this.#isDeaf) {
        const count = await this.#connection.read(buffer);
        if (count === null) return;
        this.#told.push(buffer.slice(0, count));
        this.#news.resolve();
        this.#news = Promise.withResolvers();
      }
      await this.#disposed.promise;
    } catch (error) {
      if (!isOver(error)) throw error;
    }
  }
}

/** Whether an error only says that a connection has ended. */
function isOver(error: unknown): boolean {
  const kinds = [
    Deno.errors.ConnectionReset,
    Deno.errors.BrokenPipe,
    Deno.errors.BadResource,
    Deno.errors.Interrupted,
  ];
  return kinds.some((kind) => error instanceof kind);
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}

/** @throws Error when the connection ends first */
export async function readExactly(connection: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) throw new Error("Cannot read: the connection has ended");
    at += count;
  }
  return bytes;
}
