// The lanes of one process of the model: the real code of a lane and the main thread for asking the
// registry, with delayed messages between them. SRT runs in the main thread, as in the program.

import type { Metrics, Resolver, StandingRegistry } from "../../src/core/contracts.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { type Carry, LaneWire } from "../support/lane_wire.ts";
import type { ProcessClock } from "../support/virtual_clock.ts";
import type { Chance } from "./chance.ts";
import type { ModelSession } from "./model_session.ts";
import { NO_SESSION_LOG } from "../support/no_session_log.ts";

export interface LaneParts {
  readonly registry: Registry;
  readonly clock: ProcessClock;
  readonly metrics: Metrics;
  readonly chance: Chance;
  /** The registry is about to be asked. */
  readonly onAsk: (session: ModelSession) => Promise<void>;
}

const LANES = 2;
/** Longest delay of a message, milliseconds, usually and when the other thread is busy. */
const USUAL = 1;
const BUSY = 300;

export class ModelLanes {
  readonly #registry: Registry;
  readonly #onAsk: LaneParts["onAsk"];
  readonly #sessions = new Map<string, ModelSession>();
  readonly #wires: readonly LaneWire[];
  #next = 0;
  readonly #lanes = new WeakMap<ModelSession, LaneWire>();

  constructor({ registry, clock, metrics, chance, onAsk }: LaneParts) {
    const services = {
      ...{ resolver: this.#listening(registry), metrics },
      sessions: NO_SESSION_LOG,
      origins: () => registry.origins(),
      signal: () => Promise.reject(new Error("Nobody signals")),
      answerOther: () => Promise.reject(new Error("Nobody asks for pages")),
      onError: (error: unknown) => {
        throw error;
      },
    };
    this.#registry = registry;
    this.#onAsk = onAsk;
    this.#wires = Array.from({ length: LANES }, (_, lane) => {
      const way = chance.fork(`lane ${lane}`);
      return new LaneWire({
        ...{ services, changes: registry.changes, now: clock.now },
        toMain: inOrder(clock, way.fork("to main")),
        toLane: inOrder(clock, way.fork("to lane")),
      });
    });
  }

  /** The registry as seen by the thread of this session. */
  registryOf(session: ModelSession): Resolver {
    if (session.protocol === "srt") return this.#registry;
    const wire = this.#lanes.get(session) ?? this.#wires[this.#next++ % LANES]!;
    this.#lanes.set(session, wire);
    this.#sessions.set(session.id, session);
    return wire.main.resolver;
  }

  /**
   * The registry, reporting each question when it arrives, because what it knows at that time
   * counts.
   */
  #listening(registry: Registry): StandingRegistry {
    return {
      changes: registry.changes,
      place: async (request) => {
        const session = this.#sessions.get(request.session);
        if (session !== undefined) await this.#onAsk(session);
        return await registry.place(request);
      },
      release: (session) => {
        this.#sessions.delete(session);
        registry.release(session);
      },
      resolve: (request) => registry.resolve(request),
      confirm: (session) => registry.confirm(session),
      join: (viewer) => registry.join(viewer),
      reached: (origin, protocol) => registry.reached(origin, protocol),
      unreachable: (origin, protocol) => registry.unreachable(origin, protocol),
      locate: (request) => registry.locate(request),
      owner: (stream) => registry.owner(stream),
      findPart: (request) => registry.findPart(request),
      findOwner: (stream) => registry.findOwner(stream),
    };
  }
}

/** Delivers messages of one direction in order, each with a delay. */
function inOrder(clock: ProcessClock, chance: Chance): Carry {
  let last = 0;
  return (arrived) => {
    const takes = chance.happens(0.02) ? chance.below(BUSY) : chance.next() * USUAL;
    last = Math.max(last, clock.now() + takes);
    clock.after(last - clock.now(), arrived);
  };
}
