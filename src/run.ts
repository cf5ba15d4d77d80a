// The life of the process between a good configuration and an exit code: what it prints, the
// signals, the deadlines of its end.

import { App, type Listener } from "./app.ts";
import type { CommandLineIo } from "./cli.ts";
import type { Config } from "./config.ts";
import { formatAddress } from "./core/endpoint.ts";
import { ProxyError } from "./core/errors.ts";
import { configureLog, logger } from "./core/log.ts";
import { Deadline } from "./net/deadline.ts";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGTERM", "SIGINT"];
/**
 * A signal so soon after another, milliseconds, is the same one: npm and `deno task` pass on the
 * Ctrl-C that the terminal has sent to every process already.
 */
const ECHO = 250;
const LOG = logger("app");

/**
 * Runs the proxy until a signal or a fatal error.
 *
 * @returns the exit code: 0 after an orderly end, 1 when something died or never started
 */
export async function runProxy(config: Config, io: CommandLineIo): Promise<number> {
  const write = (line: string) => io.printError(line.trimEnd());
  await using _log = await configureLog({ ...config.log, write });
  using signals = new Signals();
  try {
    const app = await App.open(config);
    return await live(app, config, { signals, io });
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    io.printError(error.message);
    return 1;
  }
}

interface Surroundings {
  readonly signals: Signals;
  readonly io: CommandLineIo;
}

async function live(app: App, config: Config, { signals, io }: Surroundings): Promise<number> {
  if (config.register.token === undefined) {
    LOG.warn(
      "Anybody who reaches the System API can register an origin: PROXY_REGISTER_TOKEN is unset",
    );
  }
  announce(app.listeners, config, io);
  const died = app.closed.then(() => "closed" as const, (error: unknown) => ({ error }));
  const first = await Promise.race([died, signals.next()]);
  if (typeof first === "object") {
    const why = first.error instanceof Error ? first.error.message : String(first.error);
    io.printError(`Cannot go on: ${why}`);
    return 1;
  }
  LOG.info("Draining", { grace: config.quit.grace });
  app.drain();
  const { promise: forced, resolve: force } = Promise.withResolvers<"forced">();
  using _deadline = new Deadline(config.quit.force, () => force("forced"));
  const ended = (async () => {
    await app.finish(config.quit.grace);
    await app[Symbol.asyncDispose]();
    return "ended" as const;
  })();
  const last = await Promise.race([ended, signals.next(), forced]);
  if (last === "ended") LOG.info("Ended");
  else {LOG.warn("Ended at once", {
      why: last === "forced" ? "PROXY_FORCE_QUIT_TIMEOUT" : "signal",
    });}
  return 0;
}

function announce(listeners: readonly Listener[], config: Config, { print }: CommandLineIo): void {
  if (config.log.format === "json") {
    for (const { name, address } of listeners) {
      LOG.info("Listening", { name, address: formatAddress(address) });
    }
    return;
  }
  for (const { name, address } of listeners) {
    print(`${name.padEnd(12)} ${formatAddress(address)}`);
  }
  const port = listeners.find(({ name }) => name === "System API")?.address.port;
  const token = config.register.token === undefined ? "" : "/<PROXY_REGISTER_TOKEN>";
  const url = `http://127.0.0.1:${port}/api/v1/srs/register${token}`;
  print(`Next: add to each srs.conf: heartbeat { enabled on; interval 9; url ${url}; ports on; }`);
}

/** The signals that end the process, one at a time. */
class Signals implements Disposable {
  #waiting = Promise.withResolvers<"signal">();
  #lastAt = -Infinity;
  readonly #listener = () => {
    const now = performance.now();
    if (now - this.#lastAt < ECHO) return;
    this.#lastAt = now;
    this.#waiting.resolve("signal");
    this.#waiting = Promise.withResolvers();
  };

  constructor() {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, this.#listener);
  }

  next(): Promise<"signal"> {
    return this.#waiting.promise;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, this.#listener);
  }
}
