// Measures what flows over a client's connection from a given moment on, which need not be its beginning.

import type { Clock } from "../core/clock.ts";
import { type Flowed, FlowMeter } from "../core/flow_meter.ts";
import type { Connection } from "./engine.ts";

/** Counts from its construction on. */
export class ConnectionFlow {
  readonly #connection: Pick<Connection, "bytesIn" | "bytesOut">;
  readonly #clock: Pick<Clock, "now">;
  readonly #bytesIn: number;
  readonly #bytesOut: number;
  readonly #meter: FlowMeter;

  constructor(
    connection: Pick<Connection, "bytesIn" | "bytesOut">,
    clock: Pick<Clock, "now">,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#bytesIn = connection.bytesIn;
    this.#bytesOut = connection.bytesOut;
    this.#meter = new FlowMeter(clock.now());
  }

  /** Bytes so far. */
  get bytes(): Pick<Flowed, "bytesIn" | "bytesOut"> {
    const { bytesIn, bytesOut } = this.#connection;
    return { bytesIn: bytesIn - this.#bytesIn, bytesOut: bytesOut - this.#bytesOut };
  }

  /** To be called about once a second. @returns the figures if they have changed */
  look(): Flowed | undefined {
    const { bytesIn, bytesOut } = this.bytes;
    return this.#meter.look(this.#clock.now(), bytesIn, bytesOut) ? this.#meter : undefined;
  }
}
