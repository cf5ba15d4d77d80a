// A real redis-server on a loopback port of its own that keeps nothing on disk unless told to, and
// a connection to inspect it. Knows nothing about the proxy's keys.

import type { Reply } from "../../src/registry/redis/calls.ts";
import type { RedisAccess } from "../../src/core/redis_access.ts";
import { RedisConnection } from "../../src/registry/redis/connection.ts";
import { Child, whenReady } from "./child.ts";
import { freePort } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";
import { until } from "./wait.ts";

export interface RedisServerOptions {
  /** A free one unless given, as for a server that is restarted. */
  readonly port?: number;
  /** Additional arguments of redis-server, such as `["--requirepass", "secret"]`. */
  readonly args?: readonly string[];
  /** Lines of a configuration file, which a Sentinel rewrites. */
  readonly configuration?: readonly string[];
  /** How to connect to it; without user, password and TLS unless given. */
  readonly access?: RedisAccess;
  /** A command prefixed to redis-server and its arguments. */
  readonly command?: readonly string[];
}

const NOBODY: RedisAccess = { database: 0 };
const STARTED = 10_000;

/** A running server; disposing of it kills it. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly process: Child;
  readonly access: RedisAccess;
  readonly #folder: TempFolder;

  private constructor(options: RedisServerOptions, folder: TempFolder) {
    this.port = options.port ?? freePort();
    this.access = options.access ?? NOBODY;
    this.#folder = folder;
    const file = folder.file("redis.conf");
    const { configuration, args = [], command = [] } = options;
    const [program, ...first] = [...command, "redis-server"];
    if (configuration !== undefined) Deno.writeTextFileSync(file, configuration.join("\n") + "\n");
    this.process = new Child({
      command: program!,
      args: [
        ...first,
        ...(configuration === undefined ? [] : [file]),
        ...["--port", `${this.port}`, "--bind", "127.0.0.1", "--dir", folder.path],
        ...["--save", "", "--daemonize", "no", "--repl-diskless-sync-delay", "0"],
        ...args,
      ],
    });
  }

  /** Starts a server and waits until it answers. */
  static async open(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options, new TempFolder());
    return await whenReady(server, "redis-server answer", () => server.#answers(), STARTED);
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: "127.0.0.1", port: this.port };
  }

  /** Sends one command over a new connection. @throws Error when it is refused */
  async command(...args: readonly string[]): Promise<Reply> {
    const signal = new AbortController().signal;
    const { address, access } = this;
    const connection = await RedisConnection.open({ address, access, signal });
    try {
      return await connection.command(...args);
    } finally {
      connection.close(new Error("Done"));
    }
  }

  /** A field of `INFO` as a number, summed over databases and commands if there are several. */
  async info(section: string, field: RegExp): Promise<number> {
    const text = String(await this.command("INFO", section));
    return [...text.matchAll(field)].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** `kill -9`, and waits for the end. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  async #answers(): Promise<boolean> {
    try {
      return await this.command("PING") === "PONG";
    } catch {
      return false;
    }
  }
}

/** Waits until a replica has everything that its master has. */
export async function untilInStep(replica: RedisServer): Promise<void> {
  await until("the replica in step", async () => {
    const text = String(await replica.command("INFO", "replication"));
    return /master_link_status:up/.test(text) && /master_sync_in_progress:0/.test(text);
  });
}
