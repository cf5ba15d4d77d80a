// Reports to the service manager: ready, reloading, stopping, a status line, and signs of life
// (sd_notify(3), systemd.service(5): Type=notify, WatchdogSec). Does nothing if no service manager has
// started the process. Knows neither listeners nor signals.

import { type NotifyFields, NotifySocket } from "./sd_notify.ts";
import type { Clock } from "../core/clock.ts";
import type { Heart } from "../core/contracts.ts";
import { Watchdog } from "./watchdog.ts";

/** Milliseconds between status lines. */
const STATUS_PERIOD = 5_000;
/** Milliseconds by which the requested shutdown time exceeds the expected one. */
const STOP_MARGIN = 5_000;
/** When the service manager had no room for a message: milliseconds between retries, and their number. */
const RETRY_PERIOD = 100;
const MAX_RETRIES = 300;
/** Limit on waiting messages; beyond it the oldest is dropped. */
const MAX_WAITING = 32;

/** The variables that a service manager sets. */
export interface ServiceEnvironment {
  readonly NOTIFY_SOCKET?: string;
  readonly WATCHDOG_USEC?: string;
  readonly WATCHDOG_PID?: string;
}

export interface ServiceNotifierOptions {
  readonly env: ServiceEnvironment;
  readonly clock: Clock;
  /** Parts of the process, besides the event loop, that must not get stuck. */
  readonly hearts: readonly Heart[];
  /** One line for people that says what the process is doing. */
  status(): Promise<string>;
  /** Called when the service manager cannot be reached; once, until it can be reached again. */
  onProblem(message: string): void;
  /** Called when a heart has stopped. */
  onStill(name: string): void;
}

/** Talks to the service manager from the moment the process is ready. */
export class ServiceNotifier implements Disposable {
  readonly #options: ServiceNotifierOptions;
  readonly #socket: NotifySocket | undefined;
  readonly #stack = new DisposableStack();
  readonly #waiting: NotifyFields[] = [];
  #retries = 0;
  #retry: Disposable | undefined;
  #status = "";
  #isStopping = false;
  #isInTrouble = false;

  constructor(options: ServiceNotifierOptions) {
    this.#options = options;
    this.#socket = this.#stack.use(openSocket(options));
    this.#stack.defer(() => this.#retry?.[Symbol.dispose]());
  }

  /** Reports that everything is open, and starts sending status and signs of life. */
  async start(): Promise<void> {
    if (this.#socket === undefined) return;
    this.#status = await this.#figures();
    this.#say({ READY: "1", STATUS: this.#status });
    const { clock, env, hearts, onStill } = this.#options;
    this.#stack.use(clock.every(STATUS_PERIOD, () => this.#showStatus()));
    const patience = watchdogPatience(env);
    if (patience === undefined) return;
    const tell = () => this.#mention({ WATCHDOG: "1" });
    this.#stack.use(new Watchdog({ patience, clock, hearts, tell, onStill }));
  }

  /** Reports that a reload has begun; `reloaded` ends it. Not reported during shutdown. */
  reloading(): void {
    if (this.#isStopping) return;
    const since = this.#socket?.monotonicMicroseconds();
    this.#say({ RELOADING: "1", MONOTONIC_USEC: String(since), STATUS: "Reloading" });
  }

  /** @param problem what was wrong, if the old configuration was kept */
  reloaded(problem?: string): void {
    if (this.#isStopping) return;
    const kept = problem && `Cannot reload, the old configuration is kept: ${problem}`;
    this.#say({ READY: "1", STATUS: kept ?? this.#status });
  }

  /**
   * Reports that the process is about to end.
   *
   * @param limit milliseconds that it will take at most
   */
  stopping(limit: number): void {
    this.#isStopping = true;
    const extension = Math.ceil((limit + STOP_MARGIN) * 1_000);
    this.#say({ STOPPING: "1", EXTEND_TIMEOUT_USEC: String(extension), STATUS: "Stopping" });
    void this.#showStatus();
  }

  [Symbol.dispose](): void {
    this.#isStopping = true;
    this.#stack.dispose();
  }

  async #showStatus(): Promise<void> {
    const status = await this.#figures();
    if (status === this.#status) return;
    this.#status = status;
    this.#mention({ STATUS: status });
  }

  /** The figures, or the previous ones if they cannot be had. */
  async #figures(): Promise<string> {
    return await this.#options.status().catch(() => this.#status);
  }

  /** Sends a state. The service manager waits for states, so each must arrive, and in order. */
  #say(fields: NotifyFields): void {
    if (this.#socket === undefined) return;
    this.#waiting.push(fields);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    if (this.#retry === undefined) this.#sayWaiting();
  }

  #sayWaiting(): void {
    this.#retry = undefined;
    while (this.#waiting.length > 0 && this.#send(this.#waiting[0]!)) {
      this.#waiting.shift();
      this.#retries = 0;
    }
    if (this.#waiting.length === 0) return;
    if (++this.#retries <= MAX_RETRIES) {
      this.#retry = this.#options.clock.after(RETRY_PERIOD, () => this.#sayWaiting());
      return;
    }
    this.#waiting.length = 0;
    this.#retries = 0;
  }

  /** Sends what will be repeated anyway: it may get lost, and waits for states to be sent first. */
  #mention(fields: NotifyFields): void {
    if (this.#waiting.length === 0) this.#send(fields);
  }

  /** @returns whether the message is settled: sent, or not to be retried */
  #send(fields: NotifyFields): boolean {
    if (this.#socket === undefined || this.#stack.disposed) return true;
    const isSent = this.#socket.send(fields);
    if (!isSent && !this.#isInTrouble) {
      this.#options.onProblem(`Cannot send ${Object.keys(fields)[0]} to NOTIFY_SOCKET`);
    }
    this.#isInTrouble = !isSent;
    return isSent;
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

/** Milliseconds; undefined when this process has no watchdog. */
function watchdogPatience({ WATCHDOG_USEC, WATCHDOG_PID }: ServiceEnvironment): number | undefined {
  const microseconds = Number(WATCHDOG_USEC ?? "");
  const isMeant = !WATCHDOG_PID || WATCHDOG_PID === String(Deno.pid);
  return isMeant && microseconds > 0 ? microseconds / 1_000 : undefined;
}
