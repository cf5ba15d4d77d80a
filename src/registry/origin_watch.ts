// Notices how the set of origins changes, whoever took the heartbeat: one log line for each that
// joins, restarts or expires, and one for an address that several announce. As large as the store's own
// list of origins.

import { formatAddress } from "../core/endpoint.ts";
import { logger } from "../core/log.ts";
import type { Origin } from "../core/origin.ts";
import { sharedAddresses } from "../core/shared_addresses.ts";

const LOG = logger("registry");

/** Compares what is registered with what was registered before. */
export class OriginWatch {
  readonly #onEnd: (origin: string) => void;
  readonly #generations = new Map<string, string>();
  #shared: ReadonlySet<string> = new Set();
  #hasChanged = false;

  /** @param onEnd told of each id whose process has ended or made way for another */
  constructor(onEnd: (origin: string) => void) {
    this.#onEnd = onEnd;
  }

  /** One origin is registered. */
  seen(origin: Origin): void {
    const { id, generation } = origin;
    const before = this.#generations.get(id);
    if (before === generation) return;
    this.#generations.set(id, generation);
    this.#hasChanged = true;
    if (before === undefined) {
      LOG.info("Origin registered", fieldsOf(origin));
    } else {
      LOG.info("Origin restarted", fieldsOf(origin));
      this.#onEnd(id);
    }
  }

  /** These origins are registered and no others. */
  update(origins: readonly { readonly origin: Origin }[]): void {
    const present = new Set<string>();
    for (const { origin } of origins) {
      present.add(origin.id);
      this.seen(origin);
    }
    for (const id of this.#generations.keys()) {
      if (present.has(id)) continue;
      this.#generations.delete(id);
      this.#hasChanged = true;
      LOG.warn("Origin expired", { origin: id });
      this.#onEnd(id);
    }
    if (this.#hasChanged) this.#findShared(origins.map(({ origin }) => origin));
    this.#hasChanged = false;
  }

  #findShared(origins: readonly Origin[]): void {
    const shared = new Set<string>();
    for (const { address, origins: ids } of sharedAddresses(origins)) {
      const key = `${address} ${ids}`;
      shared.add(key);
      if (this.#shared.has(key)) continue;
      LOG.warn("Several origins announce the same address", { address, origins: ids.join(",") });
    }
    this.#shared = shared;
  }
}

/** What it is called and where it is, in the words of its registration. */
function fieldsOf({ id, deviceId, ip, endpoints }: Origin): Record<string, unknown> {
  const places = Object.entries(endpoints).flatMap(([protocol, addresses]) => {
    return addresses.length === 0 ? [] : [[protocol, addresses.map(formatAddress).join(",")]];
  });
  return {
    origin: id,
    ...(deviceId === "" ? {} : { device_id: deviceId }),
    ip,
    ...Object.fromEntries(places),
  };
}
