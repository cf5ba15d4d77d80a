// Where a WebRTC client is, of the addresses that it has in several lanes.

import type { Address } from "../../core/address.ts";
import { formatAddress } from "../../core/endpoint.ts";
import type { Flowed } from "../../core/flow_meter.ts";
import type { Transport } from "../../core/fleet.ts";

/** A client's address, and the transport over which it is reached there. */
export interface ClientPlace {
  readonly client: Address;
  readonly transport: Transport;
}

/** The same with the address as text. */
export interface Location {
  readonly client: string;
  readonly transport: Transport;
}

/** What flows in a lane; bits per second. */
type Rates = Pick<Flowed, "bitsIn" | "bitsOut">;

export class ClientLocation {
  #current: Location | undefined;
  /** Lanes in which media flows now, in the order in which they have told where. */
  readonly #places = new Map<number, Location>();

  /** Where it is; undefined before it has proved itself anywhere. */
  get current(): Location | undefined {
    return this.#current;
  }

  /** The number of lanes in which media flows. */
  get lanes(): number {
    return this.#places.size;
  }

  /** It has proved itself for the first time. */
  begin(place: ClientPlace): Location {
    this.#current = locationOf(place);
    return this.#current;
  }

  /** Most of what flows in a lane flows there, or nothing flows there any more. */
  told(lane: number, place: ClientPlace | undefined): void {
    this.#places.delete(lane);
    if (place) this.#places.set(lane, locationOf(place));
  }

  /**
   * Decides where it is: where most flows, and of lanes with as much, in the one that told last.
   *
   * @param rates by lane; a lane may not have told yet
   * @returns where it is if that is not where it was
   */
  moved(rates: ReadonlyMap<number, Rates>): Location | undefined {
    const before = this.#current;
    if (before === undefined) return undefined;
    let [location, most] = [before, -1];
    for (const [lane, there] of this.#places) {
      const { bitsIn, bitsOut } = rates.get(lane) ?? { bitsIn: 0, bitsOut: 0 };
      if (bitsIn + bitsOut >= most) [location, most] = [there, bitsIn + bitsOut];
    }
    if (location.client === before.client && location.transport === before.transport) {
      return undefined;
    }
    this.#current = location;
    return location;
  }
}

function locationOf({ client, transport }: ClientPlace): Location {
  return { client: formatAddress(client), transport };
}
