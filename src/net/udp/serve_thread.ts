// The inside of a UDP relay's Worker: opens the engine, runs the relay on it, takes commands from
// the main thread and sends it reports and figures. A relay's worker module calls `serveUdpThread`
// once.

import type { Clock } from "../../core/clock.ts";
import { toProxyError } from "../../core/errors.ts";
import { openEngine } from "./engine.ts";
import { EventLoop } from "../libc/event_loop.ts";
import { openLibc } from "./libc.ts";
import type { UdpEngine, UdpRelay } from "./port.ts";
import type { FromThread, ToThread } from "./thread_messages.ts";

const FIGURES_INTERVAL = 1_000;

/** A relay that takes commands. */
export interface ThreadRelay<Command> extends UdpRelay {
  command(command: Command): void;
  /** The last call, before the sockets are freed: for what the peers must still be told. */
  end(): void;
}

/** What a relay is made of; `report` sends something to the main thread. */
export interface ThreadRelayParts<Init, Report> {
  /** Changes when the main thread says so: read it at every use. */
  readonly init: Init;
  readonly engine: UdpEngine;
  report(report: Report): void;
}

/** The scope of a Worker, of which Deno's types for windows know nothing. */
export interface WorkerScope<Init, Command, Report> {
  onmessage: ((event: MessageEvent<ToThread<Init, Command>>) => void) | null;
  postMessage(message: FromThread<Report>): void;
  close(): void;
}

/** Serves the main thread's `UdpThread`. @param create makes the relay, once the port is bound */
export function serveUdpThread<Init extends object, Command, Report>(
  clock: Clock,
  create: (parts: ThreadRelayParts<Init, Report>) => ThreadRelay<Command>,
): void {
  const scope = globalThis as unknown as WorkerScope<Init, Command, Report>;
  // Otherwise the runtime writes them to the standard error output before it tells anybody, and waits
  // there for a reader who may have stopped.
  addEventListener("error", (event) => {
    event.preventDefault();
    fail(scope, event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(scope, event.reason);
  });
  serveScope(scope, clock, create);
}

/** As `serveUdpThread`, for a scope that need not be a Worker's. */
export function serveScope<Init extends object, Command, Report>(
  scope: WorkerScope<Init, Command, Report>,
  clock: Clock,
  create: (parts: ThreadRelayParts<Init, Report>) => ThreadRelay<Command>,
): void {
  let thread: RunningThread<Init, Command, Report> | undefined;
  scope.onmessage = ({ data }) => {
    if (data.type !== "open") return thread?.take(data);
    try {
      thread = new RunningThread(scope, data, clock, create);
    } catch (error) {
      fail(scope, error);
    }
  };
}

/** Tells the main thread why this thread ends, and ends it. */
function fail<Init, Command, Report>(
  scope: WorkerScope<Init, Command, Report>,
  error: unknown,
): void {
  const { code, message, cause } = toProxyError(error);
  const detail = cause instanceof Error && code === "internal" ? ` (${cause.stack})` : "";
  scope.postMessage({ type: "failed", code, message: message + detail });
  scope.close();
}

class RunningThread<Init extends object, Command, Report> {
  readonly #scope: WorkerScope<Init, Command, Report>;
  readonly #engine: UdpEngine;
  readonly #relay: ThreadRelay<Command>;
  readonly #init: Init;
  readonly #sent: Int32Array;
  readonly #loop: EventLoop | undefined;
  readonly #wake: number | undefined;
  #taken = 0;
  #nextFigures = 0;

  constructor(
    scope: WorkerScope<Init, Command, Report>,
    open: Extract<ToThread<Init, Command>, { type: "open" }>,
    clock: Clock,
    create: (parts: ThreadRelayParts<Init, Report>) => ThreadRelay<Command>,
  ) {
    this.#scope = scope;
    this.#sent = new Int32Array(open.mail);
    this.#init = open.init;
    this.#loop = open.kind === "libc" ? new EventLoop(openLibc().symbols) : undefined;
    this.#wake = open.wake;
    this.#engine = openEngine(this.#loop, { ...open.engine, clock: this.#loop?.clock ?? clock });
    const { address, buffers } = this.#engine;
    scope.postMessage({ type: "opened", address, buffers });
    this.#relay = create({
      init: open.init,
      engine: this.#engine,
      report: (report) => scope.postMessage({ type: "report", report }),
    });
    // What the relay throws ends the thread, and so the process: it is a defect.
    this.#run().catch((error) => fail(scope, error));
  }

  take(message: Exclude<ToThread<Init, Command>, { type: "open" }>): void {
    this.#taken = (this.#taken + 1) | 0;
    try {
      if (message.type === "command") this.#relay.command(message.command);
      // The relay holds this very object: see ThreadRelayParts.init.
      else if (message.type === "configure") Object.assign(this.#init, message.init);
      else if (message.type === "ping") this.#scope.postMessage({ type: "pong" });
      else this.#end();
    } catch (error) {
      fail(this.#scope, error);
    }
  }

  async #run(): Promise<void> {
    const relay = this.#relay;
    const moving = this.#engine.run({
      fromClient: (datagram) => relay.fromClient(datagram),
      fromOrigin: (link, datagram) => relay.fromOrigin(link, datagram),
      refused: (link) => relay.refused(link),
      tick: (now) => {
        relay.tick(now);
        this.#sendFigures(now);
      },
    });
    const looping = this.#loop?.run({
      blocks: true,
      wake: this.#wake,
      hasMail: () => Atomics.load(this.#sent, 0) !== this.#taken,
    });
    await Promise.race([moving, looping].filter((one) => one !== undefined));
    this.#loop?.stop();
    await looping;
    this.#loop?.[Symbol.dispose]();
    this.#scope.postMessage({ type: "closed" });
    this.#scope.close();
  }

  #sendFigures(now: number): void {
    if (now < this.#nextFigures) return;
    this.#nextFigures = now + FIGURES_INTERVAL;
    this.#scope.postMessage({ type: "figures", drops: { ...this.#engine.drops } });
  }

  #end(): void {
    this.#relay.end();
    this.#engine.close();
  }
}
