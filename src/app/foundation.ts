// Opens what all parts stand on: TLS, the registry, what is known about sessions, and memory for clients.
// A part of app.ts.

import { AddressPolicy } from "../api/address_policy.ts";
import { ChangeWatch } from "../api/change_watch.ts";
import { EventFeed } from "../api/event_feed.ts";
import { FleetTallies } from "../api/fleet_tallies.ts";
import { LiveSessions } from "../api/session_log.ts";
import { SessionTallies } from "../api/session_tallies.ts";
import { Webhook } from "../api/webhook.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { CoarseClock } from "../core/coarse_clock.ts";
import type { Metrics, RelaySessions } from "../core/contracts.ts";
import { HopMark } from "../core/hop_mark.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import { laneTally } from "../lane/lane_columns.ts";
import { SharedTally } from "../lane/shared_tally.ts";
import { DenoTcpEngine } from "../net/deno/tcp_engine.ts";
import type { TcpEngine } from "../net/engine.ts";
import { NameLookup } from "../net/name_lookup.ts";
import { originEngine } from "../net/origin_engine.ts";
import { giveSpareMemoryBack } from "../net/spare_memory.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import { NamedOrigins, OriginNames } from "../registry/named_origins.ts";
import type { Registry } from "../registry/registry.ts";
import type { SessionControl } from "../registry/running_sessions.ts";
import { laneCount } from "./lanes.ts";
import { LocalAddresses } from "./local_addresses.ts";
import { openManagement } from "./management.ts";
import { openMetrics } from "./metrics.ts";
import { logTlsFailure, OriginTrust } from "./origin_trust.ts";
import { checkOrigin, probeOrigin, probeTimeout } from "./probe.ts";
import { openRegistry, readTlsFiles } from "./registry.ts";
import {
  liveOptions,
  logError,
  type LogOutput,
  sessionPrefix,
  type State,
  type Surroundings,
} from "./surroundings.ts";
import { Certificates } from "./tls.ts";

/** Milliseconds by which deadlines of connections may be late. */
const DEADLINE_GRAIN = 50;
const LIVE_SESSIONS = 100_000;

/** What a foundation is made from. */
export interface Ground {
  readonly log: LogOutput;
  readonly clock: Clock;
  /** All relays, including those opened later. */
  readonly relays: readonly RelaySessions[];
}

export interface Foundation {
  readonly surroundings: Surroundings;
  readonly localAddresses: LocalAddresses;
  readonly renewals: Renewals;
}

/** Passes on new keys and authorities: to nobody, until whoever opens lanes puts theirs in place. */
export interface Renewals {
  certify: (keys: TlsKeys) => void;
  trust: (authorities: string | undefined) => void;
}

/** Opens it and puts it on the stack. */
export async function openFoundation(
  config: Config,
  { log, clock, relays }: Ground,
  stack: AsyncDisposableStack,
): Promise<Foundation> {
  const renewals: Renewals = { certify: () => {}, trust: () => {} };
  const metrics = openMetrics(stack, clock);
  const { state, engine } = await openState(config, { clock, metrics, renewals }, stack);
  const localAddresses = new LocalAddresses(clock);
  const addresses = new AddressPolicy({
    allow: () => state.config.register.allow,
    allowNames: () => state.config.register.allowNames,
    ownAddresses: () => state.ownAddresses,
    otherProxies: () => registry.otherProxies,
    localIps: () => localAddresses.all,
  });
  const lookup = new NameLookup(clock);
  const names = new OriginNames(async (name) => {
    return addresses.usable(name, await lookup.addressesOf(name));
  });
  const registry = await openRegistry(state, stack, {
    ...{ clock, metrics },
    sessions: controlOf(relays),
    probe: async (origin) => {
      return await probeOrigin(engine, await names.resolved(origin), probeTimeout(state));
    },
    check: async (origin) => {
      return await checkOrigin(engine, await names.resolved(origin), probeTimeout(state));
    },
  });
  const known = await openKnowledge(config, { clock, metrics, registry }, stack);
  const identifyTally = laneTally(laneCount(config));
  const common = { clock, engine, state, registry, metrics, names, hopMark: new HopMark() };
  const live = liveOptions(state);
  const surroundings: Surroundings = {
    ...{ ...common, ...live, ...known, log, addresses },
    ...openManagement({ ...common, ...live }, stack),
    reusePort: config.listen.reusePort,
    rtcSessions: registry,
    resolver: new NamedOrigins(registry, names),
    identifyTally,
    identifyMemory: new MemoryBudget(
      () => state.config.identifyMemory,
      new SharedTally(identifyTally, 0),
    ),
    newSession: sessionIds(),
    onError: logError,
  };
  return { surroundings, localAddresses, renewals };
}

async function openState(
  config: Config,
  { clock, metrics, renewals }: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly renewals: Renewals;
  },
  stack: AsyncDisposableStack,
): Promise<{ readonly state: State; readonly engine: TcpEngine }> {
  const { access } = config.redis;
  const redisAccess = config.registry.type === "redis" ? await readTlsFiles(access) : access;
  const originTrust = stack.use(
    await OriginTrust.open(config.tls.originAuthorities, {
      ...{ clock, metrics },
      onReplaced: (authorities) => renewals.trust(authorities),
    }),
  );
  const state: State = {
    ...{ config, redisAccess, draining: false, ownAddresses: [] },
    ...{ certificates: undefined, originTrust },
  };
  const sockets = new DenoTcpEngine(new CoarseClock(clock, DEADLINE_GRAIN));
  const engine = originEngine(sockets, {
    header: () => state.config.originHeader,
    client: originTrust.client,
    onFailed: (failure) => {
      metrics.count("srs_proxy_origin_tls_failures_total");
      logTlsFailure(failure);
    },
  });
  stack.use(giveSpareMemoryBack(clock));
  state.certificates = await Certificates.open(config.tls, {
    ...{ clock, metrics },
    onReplaced: (keys) => renewals.certify(keys),
  });
  if (state.certificates) stack.use(state.certificates);
  return { state, engine };
}

/** What is known about sessions, and who is told. */
async function openKnowledge(
  config: Config,
  { clock, metrics, registry }: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly registry: Registry;
  },
  stack: AsyncDisposableStack,
): Promise<Pick<Surroundings, "events" | "changes" | "sessions" | "tallies">> {
  const onDropped = (count: number) => metrics.count("srs_proxy_events_dropped_total", {}, count);
  const events = new EventFeed({ onDropped });
  const sessions = new LiveSessions({ capacity: LIVE_SESSIONS, clock, events });
  const changes = stack.use(new ChangeWatch({ clock, registrar: registry, events }));
  const { operations } = registry;
  const tallies = stack.use(
    new FleetTallies({
      own: () => new SessionTallies(sessions.all(), (stream) => registry.placed(stream)),
      tell: (counts) => operations.tellSessions(counts),
      others: () => operations.otherSessions(),
      ...{ clock, onError: logError },
    }),
  );
  const { url, secret } = config.webhook;
  if (url !== undefined) {
    await changes.begin();
    stack.use(new Webhook({ clock, events, url, secret, send, onDropped }));
  }
  return { events, changes, sessions, tallies };
}

async function send(request: Request): Promise<number> {
  const { status, body } = await fetch(request);
  await body?.cancel();
  return status;
}

function controlOf(relays: readonly RelaySessions[]): SessionControl {
  return {
    received: async (sessions) => {
      if (sessions.length === 0) return new Map();
      const received = await Promise.all(relays.map((relay) => relay.received(sessions)));
      return new Map(received.flatMap((some) => [...some]));
    },
    end: (session, reason) => void relays.some((relay) => relay.endSession(session, reason)),
  };
}

/** Generates ids that no other process and no other session of this one has. */
function sessionIds(): () => string {
  const prefix = sessionPrefix();
  let sessions = 0;
  return () => `${prefix}-${(++sessions).toString(36)}`;
}
