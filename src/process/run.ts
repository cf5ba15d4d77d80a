// The life of the process between a valid configuration and an exit code: what it prints and
// reports to the service manager, the signals, the shutdown deadlines.

import { App, type Listener } from "../app/app.ts";
import type { CommandLineIo, ProcessIo, Start } from "./cli.ts";
import type { Config } from "../config/config.ts";
import { findNotices } from "../config/notices.ts";
import { formatAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import { configureLog, type Log, logger } from "../core/log.ts";
import { Deadline } from "../net/deadline.ts";
import { ServiceNotifier } from "./service_notifier.ts";
import { ProcessOutput } from "./output.ts";
import { Reloader } from "./reload.ts";
import { Signals } from "./signals.ts";
import { UncaughtErrors } from "./uncaught_errors.ts";

const LOG = logger("app");

/**
 * Runs the proxy until a signal or a fatal error.
 *
 * @returns the exit code: 0 after an orderly end, 1 when something died or never started
 */
export async function runProxy(start: Start, io: ProcessIo): Promise<number> {
  await using output = new ProcessOutput(io.streams);
  const { level, format } = start.config.log;
  const write = (line: string) => output.printError(line.trimEnd());
  await using log = await configureLog({ level, format, write });
  using uncaught = new UncaughtErrors();
  return await Promise.race([
    uncaught.first.then(({ error }) => fail(error)),
    run(start, { io, output, log }).catch(fail),
  ]);
}

/** Reports an unexpected error. @returns the exit code */
function fail(error: unknown): number {
  const stack = error instanceof Error ? error.stack : undefined;
  LOG.error("Cannot go on after an unexpected error", { error, stack });
  return 1;
}

/** The inputs and outputs of the program. */
interface Means {
  readonly io: ProcessIo;
  readonly output: ProcessOutput;
  readonly log: Log;
}

async function run({ config, settings }: Start, { io, output, log }: Means): Promise<number> {
  using signals = new Signals();
  try {
    const app = await App.open(config, output);
    using notifier = openNotifier(app, io);
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
    return await live(app, config, { signals, notifier, output });
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    output.printError(error.message);
    return 1;
  }
}

interface Surroundings {
  readonly signals: Signals;
  readonly notifier: ServiceNotifier;
  readonly output: ProcessOutput;
}

async function live(app: App, config: Config, surroundings: Surroundings): Promise<number> {
  const { signals, notifier, output } = surroundings;
  const died = app.closed.then(() => "closed" as const, (error: unknown) => ({ error }));
  const first = await Promise.race([died, signals.next()]);
  if (typeof first === "object") {
    const why = first.error instanceof Error ? first.error.message : String(first.error);
    output.printError(`Cannot go on: ${why}`);
    return 1;
  }
  LOG.info("Draining", { grace: config.quit.grace });
  notifier.stopping(config.quit.force);
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
  else {
    const why = last === "forced" ? "PROXY_FORCE_QUIT_TIMEOUT" : "signal";
    LOG.warn("Ended at once", { why });
  }
  return 0;
}

function openNotifier(app: App, { environment }: CommandLineIo): ServiceNotifier {
  return new ServiceNotifier({
    env: environment.process,
    hearts: app.hearts,
    status: async () => `${app.sessions} sessions, ${await app.countOrigins()} origins`,
    onProblem: (message) => LOG.warn("Service manager", { problem: message }),
    onStill: (name) => LOG.error("Not alive, watchdog not notified", { part: name }),
  });
}

/** Runs one call at a time; calls that come meanwhile make one more. */
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

function warnOfRisks({ register, listen, registry, defaultBackend }: Config): void {
  if (register.token === undefined) {
    LOG.warn(
      "Anybody who can reach the System API can register an origin: neither PROXY_REGISTER_TOKEN nor " +
        "PROXY_HTTP_API_AUTH_ENABLED is set",
    );
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
