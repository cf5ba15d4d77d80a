// One connection to one Redis server: a socket for commands and one for the messages of a channel. It
// never reconnects by itself: when either socket dies, so does the other, and somebody else decides where
// to connect next. Knows no key and no record.

import { ClientClosedError, createClient } from "@redis/client";
import { normalizeIp } from "../../core/endpoint.ts";
import type { Address } from "../../core/address.ts";
import type { RedisAccess, RedisTls } from "../../core/redis_access.ts";
import type { RedisCalls, Reply } from "./calls.ts";
import type { Script } from "./scripts.ts";

export interface ConnectionOptions {
  readonly address: Address;
  readonly access: RedisAccess;
  /** Subscribed to from the beginning, if given. */
  readonly channel?: string;
  readonly onMessage?: (message: string) => void;
  /** Milliseconds without a byte after which the connection counts as dead; 3,000 by default. */
  readonly silence?: number;
  /** Closes it, even before it is open. */
  readonly signal: AbortSignal;
}

type Client = ReturnType<typeof newClient>;

const CONNECT_TIMEOUT = 1_000;
const SILENCE = 3_000;
/** Makes something arrive over every healthy connection. */
const PING_INTERVAL = 1_000;

function newClient({ address, access, silence = SILENCE }: ConnectionOptions) {
  const { username, password, database, tls } = access;
  const secure = tls && {
    tls: true as const,
    ...defined({ ca: tls.ca, cert: tls.certificate, key: tls.key }),
    ...defined({ servername: serverNameOf(tls, address) }),
  };
  return createClient({
    RESP: 2,
    socket: {
      host: address.host,
      port: address.port,
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: silence,
      reconnectStrategy: false,
      ...secure,
    },
    ...defined({ username, password }),
    ...(database === 0 ? {} : { database }),
    pingInterval: PING_INTERVAL,
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    clientInfoTag: "srs-proxy",
  });
}

/** Removes undefined members: the client would take undefined for a value. */
function defined<T extends object>(options: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as ReturnType<typeof defined<T>>;
}

/** The name to send. An IP address is not sent (RFC 6066, section 3); its certificate contains it. */
function serverNameOf({ serverName }: RedisTls, { host }: Address): string | undefined {
  return serverName ?? (normalizeIp(host) === undefined ? host : undefined);
}

export class RedisConnection implements RedisCalls {
  readonly closed: Promise<Error>;
  readonly #options: ConnectionOptions;
  readonly #clients: Client[] = [];
  readonly #known = new Set<Script>();
  readonly #over: (why: Error) => void;
  #isClosed = false;

  private constructor(options: ConnectionOptions) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.closed = promise;
    this.#over = resolve;
    this.#options = options;
  }

  /** @throws Error of the socket or of the server, within about three seconds */
  static async open(options: ConnectionOptions): Promise<RedisConnection> {
    const connection = new RedisConnection(options);
    const { channel, onMessage, signal } = options;
    const abort = () => connection.close(new Error("The connection is no longer needed"));
    signal.addEventListener("abort", abort);
    connection.closed.then(() => signal.removeEventListener("abort", abort));
    try {
      if (signal.aborted) abort();
      await connection.#connect();
      if (channel === undefined || onMessage === undefined) return connection;
      const listener = await connection.#connect();
      await listener.subscribe(channel, onMessage);
      return connection;
    } catch (error) {
      connection.close(new Error("The connection could not be opened"));
      throw error;
    }
  }

  async command(...args: readonly string[]): Promise<Reply> {
    return await this.#clients[0]!.sendCommand<Reply>([...args]);
  }

  /** Redis caches the script when it is first run. */
  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args];
    if (this.#known.has(script)) {
      try {
        return await this.command("EVALSHA", script.digest, ...rest);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      }
    }
    const reply = await this.command("EVAL", script.text, ...rest);
    this.#known.add(script);
    return reply;
  }

  close(why: Error): void {
    this.#isClosed = true;
    this.#over(why);
    // A client that is still dialling cannot be stopped: it is destroyed once it has connected.
    for (const client of this.#clients) destroy(client);
  }

  async #connect(): Promise<Client> {
    const client = newClient(this.#options);
    client.on("error", (error: Error) => this.#over(error));
    client.on("end", () => this.#over(new Error("The connection ended")));
    client.on("connect", () => {
      this.#clients.push(client);
      if (this.#isClosed) destroy(client);
    });
    const connected = client.connect();
    // If the connection closes meanwhile, the promise may never settle.
    const closed = this.closed.then((why) => Promise.reject(why));
    closed.catch(() => {});
    connected.catch(() => {});
    await Promise.race([connected, closed]);
    return client;
  }
}

/** Ends the client's socket and its timer, which survives when the socket dies by itself. */
function destroy(client: Client): void {
  try {
    client.destroy();
  } catch (error) {
    if (!(error instanceof ClientClosedError)) throw error;
  }
}
