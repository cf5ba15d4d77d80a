// Rereads the files of variables while the program runs: a valid configuration is applied, an invalid
// one changes nothing. Knows neither signals nor the service manager.

import type { App } from "../app/app.ts";
import { ConfigError, loadConfig } from "../config/config.ts";
import { afterReload, type Changes, changesBetween } from "../config/changes.ts";
import { logger, type LogOptions } from "../core/log.ts";
import type { Environment, Settings } from "../config/environment.ts";

const LOG = logger("app");

export interface ReloaderOptions {
  readonly app: App;
  readonly environment: Environment;
  /** The settings with which the app was opened. */
  readonly settings: Settings;
  changeLogLevel(level: LogOptions["level"]): Promise<void>;
}

/** Runs one reload at a time. */
export class Reloader {
  readonly #options: ReloaderOptions;
  /** The variables as last read. */
  #read: Settings["variables"];
  /** The variables in effect. */
  #running: Settings["variables"];

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#read = this.#running = options.settings.variables;
  }

  /** @returns what was wrong, in one line, if therefore nothing has changed */
  async reload(): Promise<string | undefined> {
    const { app, environment, changeLogLevel } = this.#options;
    try {
      const settings = await environment.read();
      // Variables that wait for the next start must be valid too, or that start would fail.
      loadConfig(settings);
      const variables = afterReload(this.#running, settings.variables);
      const next = loadConfig({ variables, problems: [] });
      await app.reconfigure(next);
      await changeLogLevel(next.log.level);
      this.#tell(changesBetween(this.#read, settings.variables));
      [this.#read, this.#running] = [settings.variables, variables];
      return undefined;
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [messageOf(error)];
      for (const problem of problems) {
        LOG.error("Cannot reload, the old configuration is kept", { problem });
      }
      return problems.join("; ");
    }
  }

  /** Names only: values may be secrets. */
  #tell({ applied, waiting }: Changes): void {
    LOG.info("Configuration reloaded", { changed: applied.join(",") || "nothing" });
    if (waiting.length === 0) return;
    LOG.warn("Some variables take effect only at the next start", { variables: waiting.join(",") });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
