// The outside of a UDP relay's Worker: starts it, sends it commands and wakes it, passes on its
// reports, ends it cleanly. Knows nothing of what the relay does.

import { type Clock, within } from "../../core/clock.ts";
import { ProxyError } from "../../core/errors.ts";
import type { Address } from "../../core/address.ts";
import { noDrops } from "./drops.ts";
import { chooseLibc, type UdpEngineChoice } from "./engine.ts";
import type { UdpDrops, UdpEngine, UdpEngineOptions } from "./port.ts";
import type { FromThread, ToThread } from "./thread_messages.ts";
import { WakeHandle } from "./wake_handle.ts";

/** How long a thread may take to open its port, and to end, in milliseconds. */
const START_DEADLINE = 20_000;
const END_DEADLINE = 3_000;

/** What is used of a Worker. */
export type UdpWorker = Pick<Worker, "onmessage" | "onerror" | "postMessage" | "terminate">;

/** What to run. */
export interface UdpThreadOptions<Init, Report> {
  /** The module that calls `serveUdpThread`. */
  readonly module: URL;
  /** Starts it; a Worker unless told otherwise. */
  readonly openWorker?: ((module: URL, name: string) => UdpWorker) | undefined;
  /** What listens, for errors: "WebRTC". */
  readonly name: string;
  /** Of this side; the Worker has its own. */
  readonly clock: Clock;
  readonly choice: UdpEngineChoice;
  readonly engine: Omit<UdpEngineOptions, "clock">;
  /** Plain data for the relay. */
  readonly init: Init;
  readonly onReport: (report: Report) => void;
  /** Told every second what was lost since the last time. */
  readonly onFigures: (lost: UdpDrops) => void;
}

/** A running Worker that relays datagrams. */
export class UdpThread<Init, Command, Report> implements AsyncDisposable {
  readonly kind: UdpEngine["kind"];
  /** Rejects when the thread dies by itself; resolves once it is disposed of. */
  readonly closed: Promise<void>;
  readonly #options: UdpThreadOptions<Init, Report>;
  readonly #worker: UdpWorker;
  readonly #wake: WakeHandle | undefined;
  readonly #mail = new SharedArrayBuffer(4);
  readonly #count = new Int32Array(this.#mail);
  readonly #opened = Promise.withResolvers<Opened>();
  readonly #ended = Promise.withResolvers<void>();
  #drops = noDrops();
  #pong: PromiseWithResolvers<void> | undefined;
  #isEnding = false;
  #where: Opened | undefined;

  private constructor(options: UdpThreadOptions<Init, Report>) {
    this.#options = options;
    const libc = chooseLibc(options.choice);
    this.kind = libc ? "libc" : "deno";
    this.#wake = libc && new WakeHandle(libc);
    this.closed = this.#ended.promise;
    this.closed.catch(() => {});
    const { module, name, openWorker = startWorker } = options;
    this.#worker = openWorker(module, name);
    this.#worker.onmessage = ({ data }: MessageEvent<FromThread<Report>>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new Error(`The ${name} thread has failed: ${event.message}`));
    };
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static async open<Init, Command, Report>(
    options: UdpThreadOptions<Init, Report>,
  ): Promise<UdpThread<Init, Command, Report>> {
    const thread = new UdpThread<Init, Command, Report>(options);
    try {
      await thread.#open();
      return thread;
    } catch (error) {
      thread.#terminate();
      throw error;
    }
  }

  /** What the front socket is bound to. */
  get address(): Address {
    return this.#where!.address;
  }

  /** Sizes of its buffers in bytes; 0 = unknown. */
  get buffers(): UdpEngine["buffers"] {
    return this.#where!.buffers;
  }

  /** Gives the relay a command, in the order of the calls. */
  send(command: Command): void {
    if (!this.#isEnding) this.#post({ type: "command", command });
  }

  /** Gives the relay other settings than it was opened with. */
  configure(init: Init): void {
    if (!this.#isEnding) this.#post({ type: "configure", init });
  }

  /** Resolves once the thread has shown that it goes on; at once when it is to end. */
  beat(): Promise<void> {
    if (this.#isEnding) return Promise.resolve();
    this.#pong ??= Promise.withResolvers();
    this.#post({ type: "ping" });
    return this.#pong.promise;
  }

  /** Has the relay say goodbye and frees its sockets; a thread that does not end is ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnding) return await this.closed.catch(() => {});
    this.#isEnding = true;
    this.#takePong();
    this.#post({ type: "close" });
    using _deadline = this.#options.clock.after(END_DEADLINE, () => this.#ended.resolve());
    await this.closed.catch(() => {});
    this.#terminate();
  }

  async #open(): Promise<void> {
    const { name, clock, init, engine } = this.#options;
    this.#worker.postMessage(
      {
        type: "open",
        kind: this.kind,
        engine,
        wake: this.#wake?.fd,
        mail: this.#mail,
        init,
      } satisfies ToThread<Init, Command>,
    );
    this.#where = await within(clock, START_DEADLINE, this.#opened.promise, () => {
      throw new ProxyError("internal", `Cannot start the ${name} thread in time`);
    });
  }

  #post(message: Exclude<ToThread<Init, Command>, { type: "open" }>): void {
    this.#worker.postMessage(message);
    Atomics.add(this.#count, 0, 1);
    this.#wake?.wake();
  }

  #take(message: FromThread<Report>): void {
    if (message.type === "report") this.#options.onReport(message.report);
    else if (message.type === "figures") this.#countDrops(message.drops);
    else if (message.type === "pong") this.#takePong();
    else if (message.type === "opened") this.#opened.resolve(message);
    else if (message.type === "failed") this.#die(new ProxyError(message.code, message.message));
    else if (this.#isEnding) this.#ended.resolve();
    else this.#die(new Error(`The ${this.#options.name} thread has ended`));
  }

  #takePong(): void {
    this.#pong?.resolve();
    this.#pong = undefined;
  }

  #countDrops(drops: UdpDrops): void {
    const lost = noDrops();
    for (const reason of Object.keys(lost) as (keyof UdpDrops)[]) {
      lost[reason] = drops[reason] - this.#drops[reason];
    }
    this.#drops = drops;
    this.#options.onFigures(lost);
  }

  #die(error: Error): void {
    this.#opened.reject(error);
    this.#ended.reject(error);
  }

  #terminate(): void {
    this.#isEnding = true;
    this.#worker.terminate();
    this.#wake?.[Symbol.dispose]();
  }
}

function startWorker(module: URL, name: string): UdpWorker {
  return new Worker(module.href, { type: "module", name });
}

interface Opened {
  readonly address: Address;
  readonly buffers: UdpEngine["buffers"];
}
