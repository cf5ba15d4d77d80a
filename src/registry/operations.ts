// What operators may see and do beyond what serving clients needs: settings of origins, single streams,
// ending all sessions of a stream.

import { ProxyError } from "../core/errors.ts";
import type { SessionCounts } from "../core/fleet.ts";
import { logger } from "../core/log.ts";
import { DEFAULT_SETTINGS, type OriginChange } from "../core/origin.ts";
import type { OriginStatus, RegistryOperations, StreamStatus } from "../core/registrar.ts";
import { isLive } from "./mapping_rules.ts";
import type { OriginCare } from "./origin_care.ts";
import type { ListedStream, OriginRecord, Store } from "./store.ts";

export interface OperationsOptions {
  readonly store: Store;
  readonly care: OriginCare;
  /** Whether an origin is configured rather than registered. */
  isPermanent(id: string): boolean;
  /** The key under which a stream is mapped. */
  placed(stream: string): string;
  statusOf(record: OriginRecord): OriginStatus;
}

const LOG = logger("registry");

export class Operations implements RegistryOperations {
  readonly #options: OperationsOptions;

  constructor(options: OperationsOptions) {
    this.#options = options;
    options.store.onEndStream = (stream) => void options.care.endStream(stream);
  }

  expired(): readonly OriginStatus[] {
    const { care, statusOf } = this.#options;
    return care.allExpired().map((origin) => statusOf({ origin, streams: 0, expiresIn: 0 }));
  }

  async changeOrigin(id: string, change: OriginChange): Promise<boolean> {
    const { store } = this.#options;
    if (await store.origin(id) === undefined) return false;
    await store.changeOrigin(id, change);
    LOG.info("Origin changed by an operator", { origin: id, ...change });
    return true;
  }

  async forgetOrigin(id: string): Promise<boolean> {
    const { store, isPermanent } = this.#options;
    if (isPermanent(id)) {
      throw new ProxyError("bad_request", "Cannot forget an origin that is configured");
    }
    const isKnown = await store.origin(id) !== undefined;
    // The settings of an origin that has long been gone are forgotten too.
    await store.removeOrigin(id);
    if (isKnown) LOG.info("Origin forgotten by an operator", { origin: id });
    return isKnown;
  }

  async stream(stream: string): Promise<StreamStatus | undefined> {
    const { store, placed } = this.#options;
    const { streams } = await store.streams({ limit: 1, key: placed(stream) });
    return streams.map(streamStatus)[0];
  }

  /** Tells the other proxies which sessions run here. */
  async tellSessions(counts: SessionCounts): Promise<void> {
    await this.#options.store.fleet.tellSessions(counts);
  }

  /** The sessions that the other proxies have reported. */
  async otherSessions(): Promise<readonly SessionCounts[]> {
    return await this.#options.store.fleet.otherSessions();
  }

  async endStream(stream: string): Promise<number> {
    const { store, care, placed } = this.#options;
    const key = placed(stream);
    const ended = care.endStream(key);
    await store.endStream(key);
    return ended;
  }
}

/**
 * An origin as the registry sees it.
 *
 * @param ttl its life after a heartbeat
 */
export function originStatus(record: OriginRecord, care: OriginCare, ttl: number): OriginStatus {
  const { origin: { id }, expiresIn } = record;
  return {
    ...record,
    sinceHeartbeat: expiresIn === null ? null : Math.max(0, ttl - expiresIn),
    settings: record.settings ?? DEFAULT_SETTINGS,
    setAsideFor: care.pausesOf(id),
    failures: care.failuresOf(id),
    down: care.isDown(id),
  };
}

export function streamStatus(record: ListedStream): StreamStatus {
  const { stream, origin, confirmed, knownFor } = record;
  return { stream, origin, confirmed, live: isLive(record), knownFor };
}
