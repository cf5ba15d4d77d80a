// The lanes of one process of the model: the real desks and what is real in a lane towards the registry,
// with messages that take their time. SRT is the main thread's own, as in the program.

import type { Metrics, Resolver } from "../../src/core/contracts.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { type Carry, LaneWire } from "../support/lane_wire.ts";
import type { ProcessClock } from "../support/virtual_clock.ts";
import type { Chance } from "./chance.ts";
import type { ModelSession } from "./model_session.ts";

/** What lanes work with. */
export interface LaneParts {
  readonly registry: Registry;
  readonly clock: ProcessClock;
  readonly metrics: Metrics;
  readonly chance: Chance;
}

const LANES = 2;
/** A message takes so long at most, milliseconds, and so long when the other thread is busy. */
const USUAL = 1;
const BUSY = 300;

/** All lanes of one process. */
export class ModelLanes {
  readonly #registry: Registry;
  readonly #wires: readonly LaneWire[];
  #next = 0;
  readonly #lanes = new WeakMap<ModelSession, LaneWire>();

  constructor({ registry, clock, metrics, chance }: LaneParts) {
    const services = {
      ...{ resolver: registry, metrics },
      sessions: { opened: () => {}, closed: () => {}, refused: () => {} },
      origins: () => registry.origins(),
      answerOther: () => Promise.reject(new Error("Nobody asks for pages")),
      onError: (error: unknown) => {
        throw error;
      },
    };
    this.#registry = registry;
    this.#wires = Array.from({ length: LANES }, (_, lane) => {
      const way = chance.fork(`lane ${lane}`);
      return new LaneWire({
        ...{ services, changes: registry.changes, now: clock.now },
        toMain: inOrder(clock, way.fork("to main")),
        toLane: inOrder(clock, way.fork("to lane")),
      });
    });
  }

  /** The registry as the thread of this session sees it. */
  registryOf(session: ModelSession): Resolver {
    if (session.protocol === "srt") return this.#registry;
    const wire = this.#lanes.get(session) ?? this.#wires[this.#next++ % LANES]!;
    this.#lanes.set(session, wire);
    return wire.main.resolver;
  }
}

/** Messages of one direction, each some time after the one before. */
function inOrder(clock: ProcessClock, chance: Chance): Carry {
  let last = 0;
  return (arrived) => {
    const takes = chance.happens(0.02) ? chance.below(BUSY) : chance.next() * USUAL;
    last = Math.max(last, clock.now() + takes);
    clock.after(last - clock.now(), arrived);
  };
}
