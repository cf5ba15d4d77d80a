// What happens in one run of the model: a sequence of timed events, generated from a seed. The
// world defines what the events do; this file, only what can happen, how often, and how it is
// printed.

import { Chance } from "./chance.ts";

/** An external event and its time, in milliseconds from the start. */
export type Event = { readonly at: number } & Happening;

/** What can happen; `lasts` is its duration in milliseconds. */
export type Happening =
  /** An encoder or player connects, and reconnects when disconnected, until it leaves. */
  | {
    readonly kind: "publish" | "play";
    readonly client: string;
    readonly proxy: number;
    readonly stream: string;
    readonly protocol: "rtmp" | "srt";
  }
  | { readonly kind: "leave"; readonly client: string }
  /** An origin dies, and is restarted after a while. */
  | { readonly kind: "kill origin"; readonly origin: string; readonly lasts: number }
  | { readonly kind: "freeze origin"; readonly origin: string; readonly lasts: number }
  /** Its heartbeats stop. */
  | { readonly kind: "silence origin"; readonly origin: string; readonly lasts: number }
  /** One proxy cannot dial it; existing connections continue. */
  | {
    readonly kind: "hide origin";
    readonly origin: string;
    readonly proxy: number;
    readonly lasts: number;
  }
  /** An operator drains an origin, or lowers its weight, through one proxy for a while. */
  | {
    readonly kind: "drain origin" | "weigh origin";
    readonly origin: string;
    readonly proxy: number;
    readonly lasts: number;
  }
  /** An operator removes an origin through one proxy; it returns with its next heartbeat. */
  | { readonly kind: "forget origin"; readonly origin: string; readonly proxy: number }
  | { readonly kind: "freeze redis" | "cut redis"; readonly lasts: number }
  | { readonly kind: "restart redis"; readonly lasts: number; readonly keeps: boolean }
  | { readonly kind: "refuse redis"; readonly lasts: number; readonly error: string }
  | { readonly kind: "flush redis" }
  /** A replica without the last writes takes over; some proxies use the old master for a while. */
  | {
    readonly kind: "fail over";
    readonly lost: number;
    readonly skew: number;
    readonly keptBy: readonly number[];
    readonly lasts: number;
  }
  /** One proxy's connection to Redis is slow: additional milliseconds for each direction. */
  | {
    readonly kind: "slow way";
    readonly proxy: number;
    readonly request: number;
    readonly reply: number;
    readonly message: number;
    readonly lasts: number;
  }
  /** Nothing gets through in these directions, silently. */
  | {
    readonly kind: "block way";
    readonly proxy: number;
    readonly requests: boolean;
    readonly replies: boolean;
    readonly messages: boolean;
    readonly lasts: number;
  }
  /** Only the next request or reply is late by this much, as after a retransmission. */
  | {
    readonly kind: "stall way";
    readonly proxy: number;
    readonly request: number;
    readonly reply: number;
  }
  | { readonly kind: "cut way"; readonly proxy: number }
  /** A proxy is paused and resumed, or killed and restarted. */
  | { readonly kind: "pause proxy" | "kill proxy"; readonly proxy: number; readonly lasts: number };

export interface History {
  readonly seed: string;
  /** `redis`: three proxies on one Redis; `memory`: one proxy alone. */
  readonly variant: Variant;
  /** How long a mapping lives after its last use, milliseconds. */
  readonly streamIdle: number;
  readonly events: readonly Event[];
}

/** Where the proxies keep their records. */
export type Variant = "redis" | "memory";

export const ORIGINS: readonly string[] = ["a", "b", "c", "d"];
export const PROXIES: Readonly<Record<Variant, number>> = { redis: 3, memory: 1 };
const STREAMS = ["v/live/1", "v/live/2", "v/live/3"];
const DURATION = 30_000;
const ERRORS = [
  "READONLY You can't write against a read only replica.",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "LOADING Redis is loading the dataset in memory",
];

/** How often each kind of event happens, by weight. */
const CLIENT_WEIGHTS = { publish: 7, play: 6, leave: 6 } as const;
const ORIGIN_WEIGHTS = {
  "kill origin": 2,
  "freeze origin": 2,
  "silence origin": 1,
  "hide origin": 4,
  "drain origin": 2,
  "weigh origin": 1,
  "forget origin": 1,
} as const;
const REDIS_WEIGHTS = {
  "freeze redis": 2,
  "cut redis": 1,
  "restart redis": 1,
  "refuse redis": 1,
  "flush redis": 1,
  "fail over": 3,
  "slow way": 3,
  "block way": 3,
  "stall way": 5,
  "cut way": 2,
  "pause proxy": 2,
  "kill proxy": 1,
} as const;

/** Generates the history of a seed. */
export function historyOf(seed: string, variant?: Variant): History {
  const chance = new Chance(seed);
  const kind = variant ?? (chance.happens(0.12) ? "memory" : "redis");
  const clients: string[] = [];
  const length = chance.between(20, 60);
  // Some histories have only one kind of trouble, so that each is also tested separately.
  const weights = {
    client: 6,
    origin: chance.among([0, 1, 1, 2]),
    redis: kind === "memory" ? 0.5 : chance.among([0, 1, 2, 3]),
  };
  const moments = Array.from({ length }, () => chance.below(DURATION)).toSorted((a, b) => a - b);
  const events = moments.map((at): Event => {
    switch (chance.weighed(weights)) {
      case "client":
        return { at, ...clientEvent(chance, clients, PROXIES[kind]) };
      case "origin":
        return { at, ...originEvent(chance, PROXIES[kind]) };
      case "redis":
        return { at, ...(kind === "redis" ? redisEvent(chance) : processEvent(chance)) };
    }
  });
  const all = [...events, ...events.flatMap((event) => crowdAfter(chance, event))];
  return {
    ...{ seed, variant: kind, streamIdle: chance.among([3_000, 8_000, 20_000]) },
    events: all.toSorted((one, other) => one.at - other.at),
  };
}

/** One player is often followed by others at the same proxy, which knows the stream by then. */
function crowdAfter(chance: Chance, event: Event): Event[] {
  if (event.kind !== "play") return [];
  const crowd = chance.fork(`crowd of ${event.client}`);
  if (crowd.happens(0.5)) return [];
  return Array.from({ length: crowd.between(2, 5) }, (_, number) => {
    const client = `${event.client}-${number}`;
    return { ...event, at: event.at + crowd.below(4_000), client, protocol: "rtmp" };
  });
}

function clientEvent(chance: Chance, clients: string[], proxies: number): Happening {
  const kind = chance.weighed(CLIENT_WEIGHTS);
  if (kind === "leave" && clients.length > 0) {
    const [client] = clients.splice(chance.below(clients.length), 1);
    return { kind, client: client! };
  }
  const intent = kind === "play" ? "play" : "publish";
  // Names are unique, including those of clients that have left.
  const client = `${intent === "play" ? "player" : "encoder"}-${chance.below(1e12)}`;
  clients.push(client);
  const protocol = chance.among(["rtmp", "srt"] as const);
  const stream = chance.among(STREAMS);
  return { kind: intent, client, proxy: chance.below(proxies), stream, protocol };
}

function originEvent(chance: Chance, proxies: number): Happening {
  const kind = chance.weighed(ORIGIN_WEIGHTS);
  const origin = chance.among(ORIGINS);
  const lasts = duration(chance);
  const proxy = chance.below(proxies);
  switch (kind) {
    case "hide origin":
    case "drain origin":
    case "weigh origin":
      return { kind, origin, proxy, lasts };
    case "forget origin":
      return { kind, origin, proxy };
    default:
      return { kind, origin, lasts };
  }
}

function processEvent(chance: Chance): Happening {
  const kind = chance.among(["pause proxy", "kill proxy"] as const);
  return { kind, proxy: 0, lasts: duration(chance) };
}

function redisEvent(chance: Chance): Happening {
  const kind = chance.weighed(REDIS_WEIGHTS);
  const proxy = chance.below(PROXIES.redis);
  const lasts = duration(chance);
  const delay = () => chance.among([0, 0, 20, 60, 100, 250, 1_200]);
  switch (kind) {
    case "restart redis":
      return { kind, lasts, keeps: chance.happens(0.5) };
    case "refuse redis":
      return { kind, lasts, error: chance.among(ERRORS) };
    case "flush redis":
      return { kind };
    case "fail over": {
      const keptBy = [0, 1, 2].filter(() => chance.happens(0.3));
      const lost = chance.among([0, 1, 1, 2, 3, 5, 10, 30]);
      return { kind, lost, skew: chance.among([0, 0, 0, 300, -300]), keptBy, lasts };
    }
    case "slow way":
      return { kind, proxy, request: delay(), reply: delay(), message: delay(), lasts };
    case "block way": {
      const [requests, replies, messages] = chance.among([
        [true, true, true],
        [true, true, true],
        [true, false, false],
        [false, true, false],
        [false, false, true],
      ]) as [boolean, boolean, boolean];
      return { kind, proxy, requests, replies, messages, lasts };
    }
    case "stall way": {
      const late = chance.among([80, 200, 400, 1_100]);
      const isReply = chance.happens(0.6);
      return { kind, proxy, request: isReply ? 0 : late, reply: isReply ? late : 0 };
    }
    case "cut way":
      return { kind, proxy };
    case "pause proxy":
    case "kill proxy":
      return { kind, proxy, lasts };
    default:
      return { kind, lasts };
  }
}

/** Distributed so that short durations are as frequent as long ones. */
function duration(chance: Chance): number {
  return Math.round(100 * 150 ** chance.next());
}

/** The event in one line. */
export function describeEvent({ at, kind, ...rest }: Event): string {
  const facts = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [`${String(at).padStart(6)} ms  ${kind}`, ...facts].join(", ");
}
