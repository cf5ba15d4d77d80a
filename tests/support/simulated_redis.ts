// A Redis server in this process, without sockets or a clock of its own: it runs the program's real
// scripts, notifies its listeners, and can be flushed, made to refuse, or copied as a replica that
// lacks the last writes. The network is simulated elsewhere.

import { ErrorReply } from "@redis/client";
import type { RedisCalls, Reply } from "../../src/registry/redis/calls.ts";
import type { Script } from "../../src/registry/redis/scripts.ts";
import { compileLua } from "./lua/compiler.ts";
import { general, LuaError, type LuaFunction, LuaTable, type LuaValue } from "./lua/values.ts";
import { DataError, type DataReply, SimulatedData } from "./simulated_data.ts";

/** What a server needs. */
export interface SimulatedRedisOptions {
  /** The server's wall time: milliseconds since 1970. */
  readonly time: () => number;
  /** Its initial data; empty unless given. */
  readonly data?: SimulatedData;
}

/** Gets the messages of a channel. */
export type Listener = (message: string) => void;

/** A server. Every call takes effect at once. */
export class SimulatedRedis {
  /** While set, every call is answered with this error, as by a read-only replica. */
  refusal: string | undefined;
  /** How many scripts it has run. */
  runs = 0;
  readonly #options: SimulatedRedisOptions;
  readonly #data: SimulatedData;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(options: SimulatedRedisOptions) {
    this.#options = options;
    this.#data = options.data ?? new SimulatedData();
  }

  /** Names of all keys. */
  get keys(): string[] {
    return this.#data.keys(this.#now());
  }

  /** The data of a replica that lacks the last `lost` writing calls. */
  replica(lost: number): SimulatedData {
    const kept = this.#data.copy();
    if (this.#data.takeBack(lost) === 0) return kept;
    const behind = this.#data.copy();
    this.#data.become(kept);
    return behind;
  }

  /** FLUSHALL. */
  flush(): void {
    this.#data.clear();
  }

  /** @returns a function that stops listening */
  listen(channel: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Executes a command. An error reply is an `ErrorReply`. */
  command(...args: readonly string[]): Reply {
    if (this.refusal !== undefined) return new ErrorReply(this.refusal);
    const reply = wireReply(this.#run(args));
    this.#data.step();
    return reply;
  }

  /** Runs a script. An error reply is an `ErrorReply`. */
  eval(script: Script, keys: readonly string[], args: readonly string[]): Reply {
    if (this.refusal !== undefined) return new ErrorReply(this.refusal);
    this.runs++;
    const slots = new Set(keys.map(slotOf));
    const globals = {
      KEYS: new LuaTable(keys.map((key) => key.toWellFormed())),
      ARGV: new LuaTable(args.map((arg) => arg.toWellFormed())),
      redis: LuaTable.of({
        call: this.#called(slots, (error) => {
          throw new LuaError(LuaTable.of({ err: error.message }));
        }),
        pcall: this.#called(slots, (error) => [LuaTable.of({ err: error.message })]),
      }),
    };
    try {
      return wireValue(compileLua(script.text)(globals)[0]);
    } catch (error) {
      if (!(error instanceof LuaError)) throw error;
      const { value } = error;
      const reason = value instanceof LuaTable ? value.get("err") : `ERR ${error.message}`;
      return new ErrorReply(`${String(reason)} script: ${script.digest}`);
    } finally {
      this.#data.step();
    }
  }

  #now(): number {
    return Math.floor(this.#options.time());
  }

  #called(
    slots: ReadonlySet<string>,
    failed: (error: DataError) => readonly LuaValue[],
  ): LuaFunction {
    return (...values) => {
      const args = values.map(argumentOf);
      const key = args[1];
      if (key !== undefined && !KEYLESS.has(args[0]!) && !slots.has(slotOf(key))) {
        return failed(new DataError("ERR Script attempted to access a non local key"));
      }
      const reply = this.#run(args);
      return reply instanceof DataError ? failed(reply) : [luaReply(reply)];
    };
  }

  #run(args: readonly string[]): DataReply {
    const [name, ...rest] = args;
    switch (name?.toUpperCase()) {
      case "TIME": {
        const now = this.#options.time();
        return [String(Math.floor(now / 1000)), String(Math.floor(now % 1000 * 1000))];
      }
      case "PUBLISH": {
        const listeners = [...this.#listeners.get(rest[0]!) ?? []];
        for (const listener of listeners) listener(rest[1]!);
        return listeners.length;
      }
      default:
        return this.#data.run(args, this.#now());
    }
  }
}

/** Calls of a server without a network in between. */
export function directCalls(server: SimulatedRedis): RedisCalls {
  const answer = (reply: Reply) => {
    return reply instanceof ErrorReply ? Promise.reject(reply) : Promise.resolve(reply);
  };
  return {
    closed: new Promise(() => {}),
    command: (...args) => answer(server.command(...args)),
    run: (script, keys, args) => answer(server.eval(script, keys, args)),
    close: () => {},
  };
}

const KEYLESS: ReadonlySet<string> = new Set(["TIME", "PUBLISH"]);

/** Keys with the same hash tag are on the same node (Redis cluster specification, "Hash tags"). */
function slotOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}

/** Converts an argument of `redis.call` as Redis does. */
function argumentOf(value: LuaValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return general(value, 17);
  throw new LuaError(
    LuaTable.of({ err: "ERR Lua redis lib command arguments must be strings or integers" }),
  );
}

/** Converts a reply for a script: nil becomes false, and a status becomes a table. */
function luaReply(reply: DataReply): LuaValue {
  if (reply === null) return false;
  if (reply instanceof DataError) return LuaTable.of({ err: reply.message });
  if (typeof reply === "object") return new LuaTable(reply.map(luaReply));
  return reply === "OK" ? LuaTable.of({ ok: reply }) : reply;
}

/** Converts a value for the wire: numbers become integers, a list ends at the first nil. */
function wireValue(value: LuaValue): Reply {
  switch (typeof value) {
    case "number":
      return Math.trunc(value);
    case "string":
      return value;
    case "boolean":
      return value ? 1 : null;
    default:
      return value instanceof LuaTable ? wireTable(value) : null;
  }
}

function wireTable(table: LuaTable): Reply {
  const error = table.get("err");
  if (typeof error === "string") return new ErrorReply(error);
  const ok = table.get("ok");
  if (typeof ok === "string") return ok;
  const end = table.list.indexOf(undefined);
  return (end < 0 ? table.list : table.list.slice(0, end)).map(wireValue);
}

function wireReply(reply: DataReply): Reply {
  if (reply instanceof DataError) return new ErrorReply(reply.message);
  return reply === null || typeof reply !== "object" ? reply : reply.map(wireReply);
}
