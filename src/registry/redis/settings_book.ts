// Operators' settings for origins, as all proxies of a fleet share them: one value in Redis, changed in one
// step, and read again whenever another proxy reports a change, and periodically in case that was missed.

import { ProxyError } from "../../core/errors.ts";
import type { OriginChange } from "../../core/origin.ts";
import { SETTINGS_KEPT_FOR } from "../origin_settings.ts";
import type { RecordTable } from "../record_table.ts";
import type { Gate } from "./gate.ts";
import { parseSettings, type StoredSettings } from "./records.ts";
import type { Remote } from "./remote.ts";

export interface SettingsBookOptions {
  readonly remote: Remote;
  readonly gate: Gate;
  readonly table: RecordTable;
  readonly now: () => number;
}

/** Milliseconds for one reply. */
const DEADLINE = 1_000;

export class SettingsBook {
  readonly #options: SettingsBookOptions;
  #reading: Promise<void> | undefined;
  #isOutdated = false;

  constructor(options: SettingsBookOptions) {
    this.#options = options;
  }

  /** @throws ProxyError `registry_unavailable` when Redis does not accept it, `overloaded` */
  async change(id: string, change: OriginChange | "forget"): Promise<void> {
    const { gate, remote } = this.#options;
    const said = await gate.ask(DEADLINE, (connection) => {
      return remote.changeSettings(connection, id, change);
    });
    if (said === undefined) {
      throw new ProxyError("registry_unavailable", "Cannot tell the other proxies now");
    }
    if (said === "full") {
      throw new ProxyError("overloaded", "Cannot decide about another origin: there are too many");
    }
    this.#take(said);
  }

  /**
   * Reads all settings, once more if that is asked for meanwhile, and drops those of origins that have been
   * gone for long.
   */
  read(): Promise<void> {
    this.#isOutdated = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const { gate, remote } = this.#options;
    while (this.#isOutdated) {
      this.#isOutdated = false;
      const said = await gate.ask(DEADLINE, (connection) => remote.settings(connection));
      if (said === undefined) return;
      for (const id of this.#take(said)) await this.change(id, "forget").catch(() => {});
    }
  }

  /** @returns origins whose settings need not be kept */
  #take(text: string): string[] {
    const { remote, table, now } = this.#options;
    const all = parseSettings(text);
    if (all === undefined) {
      remote.countIgnored();
      return [];
    }
    table.settings.replace(new Map([...all].map(([id, { settings }]) => [id, settings])), now());
    const time = remote.timeAt(now());
    const isOver = ({ at }: StoredSettings) => time !== undefined && time - at > SETTINGS_KEPT_FOR;
    return [...all]
      .filter(([id, stored]) => isOver(stored) && table.origin(id, now()) === undefined)
      .map(([id]) => id);
  }
}
