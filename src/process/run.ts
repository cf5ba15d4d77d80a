// The life of the process from a valid configuration to an exit code: its output and its reports to the
// service manager, signals, and shutdown deadlines.

import { App, type Listener } from "../app/app.ts";
import type { CommandLineIo, ProcessIo, Start } from "./cli.ts";
import type { Config } from "../config/config.ts";
import { findNotices } from "../config/notices.ts";
import { type Clock, systemClock, within } from "../core/clock.ts";
import { formatAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import { configureLog, type Log, logger } from "../core/log.ts";
import { ServiceNotifier } from "./service_notifier.ts";
import { ProcessOutput } from "./output.ts";
import { Reloader } from "./reload.ts";
import { Signals } from "./signals.ts";
import { UncaughtErrors } from "./uncaught_errors.ts";

const LOG = logger("app");

/**
 * Runs the proxy until a signal or a fatal error.
 *
 * @returns the exit code: 0 after an orderly shutdown, 1 when something died or could not start
 */
export async function runProxy(start: Start, io: ProcessIo): Promise<number> {
  const clock = systemClock;
  await using output = new ProcessOutput(io.streams, clock);
  const { level, format } = start.config.log;
  const write = (line: string) => output.printError(line.trimEnd());
  await using log = await configureLog({ level, format, write, clock });
  using uncaught = new UncaughtErrors();
  return await Promise.race([
    uncaught.first.then(({ error }) => fail(error)),
    run(start, { io, clock, output, log }).catch(fail),
  ]);
}

/** Reports an unexpected error. @returns the exit code */
function fail(error: unknown): number {
  const stack = error instanceof Error ? error.stack : undefined;
  LOG.error("Cannot go on after an unexpected error", { error, stack });
  return 1;
}

interface Means {
  readonly io: ProcessIo;
  readonly clock: Clock;
  readonly output: ProcessOutput;
  readonly log: Log;
}

async function run({ config, settings }: Start, means: Means): Promise<number> {
  const { io, clock, output, log } = means;
  using signals = new Signals(clock);
  try {
    const app = await App.open(config, output, clock);
    using notifier = openNotifier(app, io, clock);
    const reloader = new Reloader({
      ...{ app, settings },
      environment: io.environment,
      changeLogLevel: (level) => log.setLevel(level),
    });
    for (const notice of findNotices(settings)) LOG.warn("Configuration", { notice });
    warnOfRisks(config);
    announce(app.listeners, config, output);
    await notifier.start();
    signals.onReload(oneAtATime(async () => {
      notifier.reloading();
      notifier.reloaded(await reloader.reload());
    }));
    return await live(app, { ...means, signals, notifier });
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    output.printError(error.message);
    return 1;
  }
}

interface RunningMeans extends Means {
  readonly signals: Signals;
  readonly notifier: ServiceNotifier;
}

async function live(app: App, means: RunningMeans): Promise<number> {
  const { clock, signals, notifier, output } = means;
  const died = app.closed.then(() => "closed" as const, (error: unknown) => ({ error }));
  const first = await Promise.race([died, signals.next()]);
  if (typeof first === "object") {
    const why = first.error instanceof Error ? first.error.message : String(first.error);
    output.printError(`Cannot go on: ${why}`);
    return 1;
  }
  const { grace, force: forceAfter } = app.config.quit;
  LOG.info("Draining", { grace });
  notifier.stopping(forceAfter);
  app.drain();
  const ended = (async () => {
    await app.finish(grace);
    await app[Symbol.asyncDispose]();
    return "ended" as const;
  })();
  const signalled = Promise.race([ended, signals.next()]);
  const last = await within(clock, forceAfter, signalled, () => "forced" as const);
  if (last === "ended") LOG.info("Ended");
  else {
    const why = last === "forced" ? "PROXY_FORCE_QUIT_TIMEOUT" : "signal";
    LOG.warn("Ended at once", { why });
  }
  return 0;
}

function openNotifier(app: App, { environment }: CommandLineIo, clock: Clock): ServiceNotifier {
  return new ServiceNotifier({
    clock,
    env: environment.process,
    hearts: app.hearts,
    status: async () => `${app.sessions} sessions, ${await app.countOrigins()} origins`,
    onProblem: (message) => LOG.warn("Service manager", { problem: message }),
    onStill: (name) => LOG.error("Not alive, watchdog not notified", { part: name }),
  });
}

/** Runs one call at a time; any number of calls during a run cause one more. */
function oneAtATime(work: () => Promise<void>): () => void {
  let [isRunning, isWanted] = [false, false];
  const run = async () => {
    isRunning = true;
    for (isWanted = true; isWanted;) {
      isWanted = false;
      await work();
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) run().catch((error) => LOG.error("Unexpected error", { error }));
  };
}

function warnOfRisks({ register, admin, listen, registry, defaultBackend }: Config): void {
  if (register.token === undefined) {
    LOG.warn(
      "Anybody who can reach the System API can register an origin: neither PROXY_REGISTER_TOKEN nor " +
        "PROXY_HTTP_API_AUTH_ENABLED is set",
    );
  }
  if (admin.token === undefined) {
    LOG.info("Only clients on this machine can manage: PROXY_ADMIN_TOKEN is not set");
  }
  if (listen.reusePort && registry.type === "memory" && defaultBackend === undefined) {
    LOG.warn(
      "Processes that share ports need PROXY_LOAD_BALANCER_TYPE=redis to know the same streams",
    );
  }
}

function announce(listeners: readonly Listener[], config: Config, output: ProcessOutput): void {
  if (config.log.format === "json") {
    for (const { name, address } of listeners) {
      LOG.info("Listening", { name, address: formatAddress(address) });
    }
    return;
  }
  for (const { name, address } of listeners) {
    output.print(`${name.padEnd(12)} ${formatAddress(address)}`);
  }
  const port = listeners.find(({ name }) => name === "System API")?.address.port;
  const token = config.register.token === undefined ? "" : "/<TOKEN>";
  const url = `http://127.0.0.1:${port}/api/v1/srs/register${token}`;
  output.print(
    `Next: add to each srs.conf: heartbeat { enabled on; interval 9; url ${url}; ports on; }`,
  );
}
