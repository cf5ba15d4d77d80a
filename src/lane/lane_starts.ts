// Starts lanes and tracks their resources until they are released (see lane.ts): the thread of a failed
// lane may run on for a while, or for ever. Each start has a column in all shared tallies:
//
//   open             takes it
//   the lane fails   its counts are taken out of all totals; a thread that runs on for LONGEST_END more is
//                    a runaway
//   released         gives it back

import type { Clock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import { LaneColumns, laneTally } from "./lane_columns.ts";
import { ForwarderSet } from "./lane_forwarders.ts";
import type { LaneInit } from "./messages.ts";
import { SharedTally, type TallyMemory } from "./shared_tally.ts";

const LOG = logger("lane");
/** Milliseconds after which a thread that was told to end is taken to be running for ever. */
const LONGEST_END = 10_000;

type LaneMemory = Pick<
  LaneInit,
  "rtmpConnections" | "httpConnections" | "rtcConnections" | "identifyMemory"
>;
/** What may differ from one start to the next. */
type Changing = Pick<LaneInit, "listen" | "variables" | "tls" | "authorities">;

export interface StartOptions extends Pick<LaneOptions, "clock" | "services"> {
  readonly count: number;
  /** Counts the memory of unidentified clients, the main thread's included. */
  readonly identifyMemory: TallyMemory;
  readonly init: Omit<LaneOptions["init"], "lane" | "column" | keyof LaneMemory>;
}

export class LaneStarts {
  readonly forwarders: ForwarderSet;
  readonly #options: StartOptions;
  readonly #memory: LaneMemory;
  readonly #columns: LaneColumns;
  readonly #identifyTally: SharedTally;
  /** One for each lane that still holds something. */
  readonly #unreleased = new Set<Promise<void>>();
  #runaways = 0;
  #starts = 0;

  constructor(options: StartOptions) {
    this.#options = options;
    const { count, clock, identifyMemory, init: { engine } } = options;
    this.#columns = new LaneColumns(count);
    const tally = () => this.#columns.add(laneTally(count));
    this.#memory = {
      rtmpConnections: tally(),
      httpConnections: tally(),
      rtcConnections: tally(),
      identifyMemory: this.#columns.add(identifyMemory),
    };
    this.#identifyTally = new SharedTally(identifyMemory, 0);
    this.forwarders = new ForwarderSet({ engine, clock, count, tally });
  }

  /** Threads that were told to end but still run. */
  get runaways(): number {
    return this.#runaways;
  }

  /** Bytes held for unidentified clients. */
  get identifyMemory(): number {
    return this.#identifyTally.total;
  }

  /** @throws ProxyError `internal` when a port cannot be bound, or too many ended lanes still have threads */
  async open(number: number, changing: Changing): Promise<Lane> {
    const { init, clock, services } = this.#options;
    const column = this.#columns.take();
    if (column === undefined) {
      throw new ProxyError("internal", "Cannot start a lane: threads of failed ones still run");
    }
    const released = Promise.withResolvers<void>();
    this.#unreleased.add(released.promise);
    const onReleased = () => {
      this.#columns.give(column);
      this.#unreleased.delete(released.promise);
      released.resolve();
    };
    // No two lanes, of whatever start, ever give out the same id.
    const idPrefix = `${init.idPrefix}-${(++this.#starts).toString(36)}`;
    const whole = { ...init, ...this.#memory, ...changing, idPrefix, lane: number, column };
    const onForwarder: LaneOptions["onForwarder"] = (...said) => this.forwarders.take(...said);
    const lane = await Lane.open({ clock, services, init: whole, onReleased, onForwarder });
    lane.closed.catch(() => {
      this.#columns.retire(column);
      this.forwarders.gone(lane);
      this.#awaitRelease(clock, number, released.promise);
    });
    try {
      await this.forwarders.openIn(lane);
      return lane;
    } catch (error) {
      await lane[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves once all lanes are released. */
  async allReleased(): Promise<void> {
    await Promise.all(this.#unreleased);
  }

  async #awaitRelease(clock: Clock, lane: number, released: Promise<void>): Promise<void> {
    let isLate = false;
    const late = clock.after(LONGEST_END, () => {
      isLate = true;
      this.#runaways++;
      LOG.error("The thread of a failed lane runs on, until the process ends", { lane });
    });
    await released;
    late[Symbol.dispose]();
    if (isLate) this.#runaways--;
  }
}
