// The data of a simulated Redis and the commands of its scripts and clients: strings and sorted
// sets, with expiry. Changes can be undone, to produce a replica that lags behind. Time is an
// argument: milliseconds of that server's own clock.

/** A command's reply, before it is converted to a wire reply or a Lua value. */
export type DataReply = string | number | null | DataError | readonly DataReply[];

/** An error reply. */
export class DataError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

type Value = string | Map<string, number>;

interface Entry {
  readonly value: Value;
  /** When it expires; Infinity = never. */
  readonly expires: number;
}

const WRONG_TYPE = new DataError(
  "WRONGTYPE Operation against a key holding the wrong kind of value",
);
const SYNTAX = new DataError("ERR syntax error");
const NO_INTEGER = new DataError("ERR value is not an integer or out of range");
/** Most steps that can be undone. */
const MOST_UNDONE = 200;

type Command = (args: readonly string[], now: number) => DataReply;

export class SimulatedData {
  readonly #entries = new Map<string, Entry>();
  /** Functions that undo the changes of each step, the last step at the end. */
  #undo: (() => void)[][] = [[]];

  /** Executes one command. */
  run([name, ...args]: readonly string[], now: number): DataReply {
    const command = this.#commands[name?.toUpperCase() ?? ""];
    if (!command) return new DataError(`ERR unknown command '${name}'`);
    return command(args, now);
  }

  /** Whether a command writes. */
  static writes(name: string): boolean {
    return WRITES.has(name.toUpperCase());
  }

  /** Starts a new step. @returns whether the last one has changed anything */
  step(): boolean {
    if (this.#undo.at(-1)!.length === 0) return false;
    this.#undo.push([]);
    if (this.#undo.length > MOST_UNDONE) this.#undo.shift();
    return true;
  }

  /** Undoes the last steps that have changed anything. @returns how many there were */
  takeBack(steps: number): number {
    this.step();
    this.#undo.pop();
    let taken = 0;
    for (; taken < steps; taken++) {
      const changes = this.#undo.pop();
      if (!changes) break;
      for (const change of changes.toReversed()) change();
    }
    this.#undo.push([]);
    return taken;
  }

  /** A copy of the data, without the ability to undo earlier changes. */
  copy(): SimulatedData {
    const copy = new SimulatedData();
    for (const [key, { value, expires }] of this.#entries) {
      copy.#entries.set(key, {
        value: typeof value === "string" ? value : new Map(value),
        expires,
      });
    }
    return copy;
  }

  /** Takes over the other one's data, without the ability to undo anything. */
  become(other: SimulatedData): void {
    this.clear();
    for (const [key, entry] of other.#entries) this.#entries.set(key, entry);
  }

  clear(): void {
    this.#entries.clear();
    this.#undo = [[]];
  }

  /** Names of all keys that have not expired. */
  keys(now: number): string[] {
    return [...this.#entries].filter(([, { expires }]) => expires > now).map(([key]) => key);
  }

  #find(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.expires <= now) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry;
  }

  #put(key: string, entry: Entry | undefined): void {
    const before = this.#entries.get(key);
    this.#undo.at(-1)!.push(() => {
      if (before) this.#entries.set(key, before);
      else this.#entries.delete(key);
    });
    if (entry) this.#entries.set(key, entry);
    else this.#entries.delete(key);
  }

  #text(key: string, now: number): string | undefined | DataError {
    const value = this.#find(key, now)?.value;
    return value instanceof Map ? WRONG_TYPE : value;
  }

  #set(key: string, now: number): Map<string, number> | undefined | DataError {
    const value = this.#find(key, now)?.value;
    return typeof value === "string" ? WRONG_TYPE : value;
  }

  #score(set: Map<string, number>, member: string, score: number | undefined): void {
    const before = set.get(member);
    this.#undo.at(-1)!.push(() => {
      if (before === undefined) set.delete(member);
      else set.set(member, before);
    });
    if (score === undefined) set.delete(member);
    else set.set(member, score);
  }

  #dropEmpty(key: string, set: Map<string, number>): void {
    if (set.size === 0) this.#put(key, undefined);
  }

  readonly #commands: Readonly<Record<string, Command>> = {
    GET: ([key], now) => this.#text(key!, now) ?? null,
    SET: ([key, value, ...options], now) => {
      const expires = expiryOf(options, now);
      if (expires instanceof DataError) return expires;
      this.#put(key!, { value: value!, expires });
      return "OK";
    },
    INCR: ([key], now) => {
      const text = this.#text(key!, now);
      if (text instanceof DataError) return text;
      const number = Number(text ?? "0");
      if (!/^-?\d+$/.test(text ?? "0") || !Number.isSafeInteger(number)) return NO_INTEGER;
      const expires = this.#entries.get(key!)?.expires ?? Infinity;
      this.#put(key!, { value: String(number + 1), expires });
      return number + 1;
    },
    DEL: (keys, now) => {
      const present = keys.filter((key) => this.#find(key, now));
      for (const key of present) this.#put(key, undefined);
      return present.length;
    },
    EXISTS: (keys, now) => keys.filter((key) => this.#find(key, now)).length,
    MGET: (keys, now) => {
      return keys.map((key) => {
        const text = this.#text(key, now);
        return typeof text === "string" ? text : null;
      });
    },
    PTTL: ([key], now) => {
      const entry = this.#find(key!, now);
      if (!entry) return -2;
      return entry.expires === Infinity ? -1 : entry.expires - now;
    },
    PEXPIRE: ([key, life], now) => {
      const entry = this.#find(key!, now);
      if (entry) this.#put(key!, { ...entry, expires: now + Number(life) });
      return entry ? 1 : 0;
    },
    ZADD: ([key, score, member, ...rest], now) => {
      const known = this.#set(key!, now);
      if (known instanceof DataError) return known;
      if (rest.length > 0 || member === undefined) return SYNTAX;
      const set = known ?? new Map<string, number>();
      if (!known) this.#put(key!, { value: set, expires: Infinity });
      const isNew = !set.has(member);
      this.#score(set, member, Number(score));
      return isNew ? 1 : 0;
    },
    ZREM: ([key, ...members], now) => {
      const set = this.#set(key!, now);
      if (set instanceof DataError) return set;
      const present = members.filter((member) => set?.has(member));
      for (const member of present) this.#score(set!, member, undefined);
      if (set && present.length > 0) this.#dropEmpty(key!, set);
      return present.length;
    },
    ZCARD: ([key], now) => {
      const set = this.#set(key!, now);
      return set instanceof DataError ? set : set?.size ?? 0;
    },
    ZSCORE: ([key, member], now) => {
      const set = this.#set(key!, now);
      if (set instanceof DataError) return set;
      const score = set?.get(member!);
      return score === undefined ? null : String(score);
    },
    ZREMRANGEBYSCORE: ([key, from, to], now) => {
      const set = this.#set(key!, now);
      if (set instanceof DataError) return set;
      const [least, most] = [limitOf(from!), limitOf(to!)];
      const members = [...set ?? []].filter(([, score]) => score >= least && score <= most);
      for (const [member] of members) this.#score(set!, member, undefined);
      if (set && members.length > 0) this.#dropEmpty(key!, set);
      return members.length;
    },
    ZRANGEBYSCORE: ([key, from, to, ...options], now) => {
      const set = this.#set(key!, now);
      if (set instanceof DataError) return set;
      const [least, most] = [limitOf(from!), limitOf(to!)];
      const found = [...set ?? []].filter(([, score]) => score >= least && score <= most)
        .toSorted(byScore).map(([member]) => member);
      if (options.length === 0) return found;
      const [word, offset, count] = options;
      if (word?.toUpperCase() !== "LIMIT") return SYNTAX;
      return found.slice(Number(offset), Number(offset) + Number(count));
    },
    ZRANGE: ([key, from, to, ...rest], now) => {
      const set = this.#set(key!, now);
      if (set instanceof DataError) return set;
      const [start, last] = [Number(from), Number(to)];
      if (rest.length > 0 || start < 0 || last < 0) return SYNTAX;
      return [...set ?? []].toSorted(byScore).slice(start, last + 1).map(([member]) => member);
    },
    // A small set is stored in one piece and scanned at once.
    ZSCAN: ([key], now) => {
      const set = this.#set(key!, now);
      if (set instanceof DataError) return set;
      const fields = [...set ?? []].toSorted(byScore);
      return ["0", fields.flatMap(([member, score]) => [member, String(score)])];
    },
  };
}

const WRITES: ReadonlySet<string> = new Set(
  ["SET", "INCR", "DEL", "PEXPIRE", "ZADD", "ZREM", "ZREMRANGEBYSCORE"],
);

function byScore(one: readonly [string, number], other: readonly [string, number]): number {
  return one[1] - other[1] || (one[0] < other[0] ? -1 : 1);
}

function limitOf(text: string): number {
  if (text === "-inf") return -Infinity;
  return text === "+inf" || text === "inf" ? Infinity : Number(text);
}

function expiryOf(options: readonly string[], now: number): number | DataError {
  if (options.length === 0) return Infinity;
  const [unit, life] = options;
  if (options.length !== 2 || !/^(?:px|ex)$/i.test(unit!)) return SYNTAX;
  if (!/^-?\d+$/.test(life!)) return NO_INTEGER;
  if (Number(life) <= 0) return new DataError("ERR invalid expire time in 'set' command");
  return now + Number(life) * (unit!.toUpperCase() === "PX" ? 1 : 1_000);
}
