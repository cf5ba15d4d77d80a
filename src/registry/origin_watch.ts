// Notices changes in the set of origins, whichever proxy received the heartbeat: writes one log line for
// each origin that joins, restarts or expires, and one for an address that several announce. No larger
// than the store's own list of origins.

import { formatEndpoint } from "../core/endpoint.ts";
import { logger } from "../core/log.ts";
import type { Origin } from "../core/origin.ts";
import { sharedAddresses } from "../core/shared_addresses.ts";

const LOG = logger("registry");

export interface OriginWatchOptions {
  /** The origin with that id has restarted. */
  onRestart(id: string): void;
  /** It is no longer registered; `origin` is what it last registered. */
  onExpiry(origin: Origin): void;
}

/** Compares the registered origins with those registered before. */
export class OriginWatch {
  readonly #options: OriginWatchOptions;
  readonly #known = new Map<string, Origin>();
  #shared: ReadonlySet<string> = new Set();
  #hasChanged = false;

  constructor(options: OriginWatchOptions) {
    this.#options = options;
  }

  /** Whether it was registered when this was last updated. */
  knows(id: string): boolean {
    return this.#known.has(id);
  }

  /** Adds one registered origin. */
  seen(origin: Origin): void {
    const { id, generation } = origin;
    const before = this.#known.get(id);
    if (before === origin) return;
    this.#known.set(id, origin);
    if (before?.generation === generation) return;
    this.#hasChanged = true;
    if (before === undefined) {
      LOG.info("Origin registered", fieldsOf(origin));
    } else {
      LOG.info("Origin restarted", fieldsOf(origin));
      this.#options.onRestart(id);
    }
  }

  /** These are all registered origins. */
  update(origins: readonly { readonly origin: Origin }[]): void {
    const present = new Set<string>();
    for (const { origin } of origins) {
      present.add(origin.id);
      this.seen(origin);
    }
    for (const [id, origin] of this.#known) {
      if (present.has(id)) continue;
      this.#known.delete(id);
      this.#hasChanged = true;
      LOG.warn("Origin expired", { origin: id });
      this.#options.onExpiry(origin);
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

/** Its name and addresses, in the words of its registration. */
function fieldsOf({ id, deviceId, ip, endpoints }: Origin): Record<string, unknown> {
  const places = Object.entries(endpoints).flatMap(([protocol, addresses]) => {
    if (addresses.length === 0) return [];
    return [[protocol, addresses.map((address) => formatEndpoint(protocol, address)).join(",")]];
  });
  return {
    origin: id,
    ...(deviceId === "" ? {} : { device_id: deviceId }),
    ip,
    ...Object.fromEntries(places),
  };
}
