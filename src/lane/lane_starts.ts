// Starts lanes, and keeps count of what they have until their threads have ended: a thread that has failed
// may go on for a while, or for ever.

import type { Clock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import { LaneColumns, laneTally } from "./lane_columns.ts";
import { ForwarderSet } from "./lane_forwarders.ts";
import type { LaneInit } from "./messages.ts";
import { SharedTally, type TallyMemory } from "./shared_tally.ts";

const LOG = logger("lane");
/** A thread that has not ended so long after it was told to will not by itself, milliseconds. */
const LONGEST_END = 10_000;

/** What lanes count in. */
type LaneMemory = Pick<
  LaneInit,
  "rtmpConnections" | "httpConnections" | "rtcConnections" | "identifyMemory"
>;
/** What may be different at each start. */
type Changing = Pick<LaneInit, "listen" | "variables" | "tls" | "authorities">;

/** What all lanes have in common. */
export interface StartOptions extends Pick<LaneOptions, "clock" | "services"> {
  readonly count: number;
  /** What memory of clients that are not identified is counted in, the main thread's among it. */
  readonly identifyMemory: TallyMemory;
  readonly init: Omit<LaneOptions["init"], "lane" | "column" | keyof LaneMemory>;
}

/** Starts the lanes of one process. */
export class LaneStarts {
  readonly forwarders: ForwarderSet;
  readonly #options: StartOptions;
  readonly #memory: LaneMemory;
  readonly #columns: LaneColumns;
  readonly #identifyTally: SharedTally;
  /** Lanes of which something is left. */
  readonly #left = new Set<Promise<void>>();
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

  /** Threads that were told to end and run on. */
  get runaways(): number {
    return this.#runaways;
  }

  /** Bytes kept for clients that are not identified. */
  get identifyMemory(): number {
    return this.#identifyTally.total;
  }

  /** @throws ProxyError `internal` when a port cannot be bound, or threads of too many lanes run on */
  async open(number: number, changing: Changing): Promise<Lane> {
    const { init, clock, services } = this.#options;
    const column = this.#columns.take();
    if (column === undefined) {
      throw new ProxyError("internal", "Cannot start a lane: threads of failed ones still run");
    }
    const gone = Promise.withResolvers<void>();
    this.#left.add(gone.promise);
    const onGone = () => {
      this.#columns.give(column);
      this.#left.delete(gone.promise);
      gone.resolve();
    };
    // Ids are never given twice, by whichever lane.
    const idPrefix = `${init.idPrefix}-${(++this.#starts).toString(36)}`;
    const whole = { ...init, ...this.#memory, ...changing, idPrefix, lane: number, column };
    const onForwarder: LaneOptions["onForwarder"] = (...said) => this.forwarders.take(...said);
    const lane = await Lane.open({ clock, services, init: whole, onGone, onForwarder });
    lane.closed.catch(() => {
      this.#columns.retire(column);
      this.forwarders.gone(lane);
      this.#watchEnd(clock, number, gone.promise);
    });
    try {
      await this.forwarders.openIn(lane);
      return lane;
    } catch (error) {
      await lane[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves once nothing is left of any lane, of those that have been ended. */
  async allGone(): Promise<void> {
    await Promise.all(this.#left);
  }

  async #watchEnd(clock: Clock, lane: number, gone: Promise<void>): Promise<void> {
    let isLate = false;
    const late = clock.after(LONGEST_END, () => {
      isLate = true;
      this.#runaways++;
      LOG.error("The thread of a failed lane runs on, until the process ends", { lane });
    });
    await gone;
    late[Symbol.dispose]();
    if (isLate) this.#runaways--;
  }
}
