// One end of an RTMP connection in the hands of a test: it says scripts byte for byte and keeps all
// that it is told, as far as the test lets it read. Client or origin, which a test decides.

import { Script } from "./rtmp_script.ts";
import { join, readWire, type WireMessage } from "./rtmp_wire.ts";
import { pause, until } from "./wait.ts";
import { parseCommand } from "../../src/protocol/rtmp/command.ts";

const BLOCK = 1536;

/** A connection after its handshake. */
export class RtmpPeer implements Disposable {
  /** Resolves when the other side has ended the connection, or this one has closed it. */
  readonly ended: Promise<void>;
  readonly #connection: Deno.TcpConn;
  readonly #told: Uint8Array[] = [];
  #isDeaf = false;
  #slowness: { readonly bytes: number; readonly interval: number } | undefined;
  #isOver = false;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.ended = this.#read().finally(() => this.#isOver = true);
  }

  /** Connects to a port as a client. */
  static async connect(port: number): Promise<RtmpPeer> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(connection, Uint8Array.of(3, ...new Uint8Array(BLOCK)));
    const answer = await readExactly(connection, 1 + 2 * BLOCK);
    await writeAll(connection, answer.subarray(1, 1 + BLOCK));
    return new RtmpPeer(connection);
  }

  /** Takes a connection as an origin does. */
  static async accept(connection: Deno.TcpConn): Promise<RtmpPeer> {
    const greeting = await readExactly(connection, 1 + BLOCK);
    const own = new Uint8Array(1 + BLOCK);
    own[0] = 3;
    await writeAll(connection, join([own, greeting.subarray(1)]));
    await readExactly(connection, BLOCK);
    return new RtmpPeer(connection);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Everything that was told so far. */
  get messages(): readonly WireMessage[] {
    return readWire(join(this.#told)).messages;
  }

  /** Names of the commands that were told so far, the code behind those that have one. */
  get commands(): readonly string[] {
    return this.messages.filter(({ type, body }) => type === 20 && body.length > 0).map(
      (message) => {
        const { name, values } = parseCommand(message);
        const code = (values[1] as { code?: string } | undefined)?.code;
        return code === undefined ? name : `${name}:${code}`;
      },
    );
  }

  /** Reads no more than is under way, without closing. */
  stopReading(): void {
    this.#isDeaf = true;
  }

  /** Reads so many bytes at a time, with so many milliseconds between. */
  readSlowly(bytes: number, interval: number): void {
    this.#slowness = { bytes, interval };
  }

  say(script: Script | Uint8Array): Promise<void> {
    return writeAll(this.#connection, script instanceof Script ? script.bytes : script);
  }

  /** Waits for a command by its name, or by its name and code. */
  hears(command: string): Promise<unknown> {
    const look = () => this.commands.includes(command);
    return until(`hear ${command}`, look, { describe: () => this.commands.join(", ") });
  }

  [Symbol.dispose](): void {
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
        const { bytes = buffer.length, interval } = this.#slowness ?? {};
        const count = await this.#connection.read(buffer.subarray(0, bytes));
        if (count === null) return;
        this.#told.push(buffer.slice(0, count));
        if (interval !== undefined) await pause(interval);
      }
      await new Promise(() => {});
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

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}

async function readExactly(connection: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) throw new Error("Cannot read: the connection has ended");
    at += count;
  }
  return bytes;
}
