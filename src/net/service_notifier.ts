// What the service manager is told, and when: ready, reloading, stopping, how it goes, and that the
// process is not stuck (sd_notify(3), systemd.service(5): Type=notify, WatchdogSec). Does nothing
// when no service manager has started the process. Knows no listener and no signal.

import { type NotifyFields, NotifySocket } from "./sd_notify.ts";
import { type Heart, Watchdog } from "./watchdog.ts";

/** How often the line of figures is sent, milliseconds. */
const STATUS_PERIOD = 5_000;
/** The process asks for so much more time to end than it means to take, milliseconds. */
const STOP_MARGIN = 5_000;

/** The variables by which a service manager makes itself known. */
export interface ServiceEnvironment {
  readonly NOTIFY_SOCKET?: string;
  readonly WATCHDOG_USEC?: string;
  readonly WATCHDOG_PID?: string;
}

/** What a ServiceNotifier needs. */
export interface ServiceNotifierOptions {
  readonly env: ServiceEnvironment;
  /** Parts of the process besides the event loop that must not be stuck. */
  readonly hearts: readonly Heart[];
  /** One line for people: what the process does now. */
  status(): Promise<string>;
  /** Told when the service manager cannot be told anything. */
  onProblem(message: string): void;
  /** Told of a heart that stands still. */
  onStill(name: string): void;
}

/** The conversation with the service manager, from the moment the process is ready. */
export class ServiceNotifier implements Disposable {
  readonly #options: ServiceNotifierOptions;
  readonly #socket: NotifySocket | undefined;
  readonly #stack = new DisposableStack();
  #status = "";

  constructor(options: ServiceNotifierOptions) {
    this.#options = options;
    this.#socket = this.#stack.use(openSocket(options));
  }

  /** Everything is open: says so, and begins to show figures and signs of life. */
  async start(): Promise<void> {
    if (this.#socket === undefined) return;
    this.#status = await this.#options.status();
    this.#send({ READY: "1", STATUS: this.#status });
    const timer = setInterval(() => this.#showStatus(), STATUS_PERIOD);
    this.#stack.defer(() => clearInterval(timer));
    const patience = watchdogPatience(this.#options.env);
    if (patience === undefined) return;
    const { hearts, onStill } = this.#options;
    const tell = () => this.#send({ WATCHDOG: "1" });
    this.#stack.use(new Watchdog({ patience, hearts, tell, onStill }));
  }

  /** A reload begins; `reloaded` ends it. */
  reloading(): void {
    const since = this.#socket?.monotonicMicroseconds();
    this.#send({ RELOADING: "1", MONOTONIC_USEC: String(since), STATUS: "Reloading" });
  }

  /** @param problem what was wrong, when the old configuration is kept */
  reloaded(problem?: string): void {
    const kept = problem && `Cannot reload, the old configuration is kept: ${problem}`;
    this.#send({ READY: "1", STATUS: kept ?? this.#status });
  }

  /**
   * The process is about to end.
   *
   * @param limit milliseconds that it will take at most
   */
  stopping(limit: number): void {
    const extension = (limit + STOP_MARGIN) * 1_000;
    this.#send({ STOPPING: "1", EXTEND_TIMEOUT_USEC: String(extension), STATUS: "Stopping" });
    void this.#showStatus();
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  async #showStatus(): Promise<void> {
    const status = await this.#options.status();
    if (status === this.#status || this.#stack.disposed) return;
    this.#status = status;
    this.#send({ STATUS: status });
  }

  #send(fields: NotifyFields): void {
    if (this.#socket === undefined || this.#socket.send(fields)) return;
    this.#options.onProblem(`Cannot send ${Object.keys(fields)[0]} to NOTIFY_SOCKET`);
  }
}

function openSocket({ env, onProblem }: ServiceNotifierOptions): NotifySocket | undefined {
  if (!env.NOTIFY_SOCKET) return undefined;
  try {
    return new NotifySocket(env.NOTIFY_SOCKET);
  } catch (error) {
    onProblem(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** Milliseconds; undefined when nobody watches this very process. */
function watchdogPatience({ WATCHDOG_USEC, WATCHDOG_PID }: ServiceEnvironment): number | undefined {
  const microseconds = Number(WATCHDOG_USEC ?? "");
  const isMeant = !WATCHDOG_PID || WATCHDOG_PID === String(Deno.pid);
  return isMeant && microseconds > 0 ? microseconds / 1_000 : undefined;
}
