// Operators' settings for origins: draining, weight and labels. Kept apart from what origins register, so
// that no heartbeat undoes them. Knows no store and no clock: time is an argument, in milliseconds.

import { DEFAULT_SETTINGS, type OriginChange, type OriginSettings } from "../core/origin.ts";

/** Milliseconds for which the settings of an unregistered origin are kept. */
export const SETTINGS_KEPT_FOR = 7 * 24 * 3_600_000;

interface Entry {
  readonly settings: OriginSettings;
  /** When the origin was last known to be registered. */
  knownAt: number;
}

/** The settings after a change; undefined if they equal the default. */
export function changedSettings(
  before: OriginSettings = DEFAULT_SETTINGS,
  { draining = before.draining, weight = before.weight, labels = before.labels }: OriginChange,
): OriginSettings | undefined {
  const isDefault = !draining && weight === DEFAULT_SETTINGS.weight;
  if (labels === null || labels === undefined) {
    return isDefault ? undefined : { draining, weight };
  }
  return { draining, weight, labels };
}

/** The settings of those origins that have any; bounded. */
export class SettingsTable {
  readonly #capacity: number;
  readonly #onChange: () => void;
  readonly #entries = new Map<string, Entry>();

  /** @param capacity in origins */
  constructor(capacity: number, onChange: () => void) {
    this.#capacity = capacity;
    this.#onChange = onChange;
  }

  /** The settings of an origin; undefined if it has none. */
  of(id: string): OriginSettings | undefined {
    return this.#entries.get(id)?.settings;
  }

  /** @param settings undefined removes them. @returns false when there is no room */
  put(id: string, settings: OriginSettings | undefined, now: number): boolean {
    const before = this.#entries.get(id);
    if (settings === undefined) {
      this.#entries.delete(id);
      if (before !== undefined) this.#onChange();
      return true;
    }
    if (before === undefined && this.#entries.size >= this.#capacity) return false;
    this.#entries.set(id, { settings, knownAt: now });
    if (JSON.stringify(before?.settings) !== JSON.stringify(settings)) this.#onChange();
    return true;
  }

  /** Replaces all settings by these. */
  replace(all: ReadonlyMap<string, OriginSettings>, now: number): void {
    for (const id of [...this.#entries.keys()]) if (!all.has(id)) this.put(id, undefined, now);
    for (const [id, settings] of all) this.put(id, settings, now);
  }

  /** Drops the settings of origins that have been gone for long. */
  sweep(now: number, isRegistered: (id: string) => boolean): void {
    for (const [id, entry] of this.#entries) {
      if (isRegistered(id)) entry.knownAt = now;
      else if (now - entry.knownAt >= SETTINGS_KEPT_FOR) this.put(id, undefined, now);
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
