// One lane as the main thread sees it: starts the thread, exchanges messages with it, and cleans up after
// it however it ends. The end comes in three steps, always in this order:
//
//   disposed of ──▶ "closing" ──┐ its word, or END_DEADLINE
//                               ▼
//   failed, stuck, vanished ──▶ "terminated": `closed` settles, all its sessions have ended
//                               │ at once with the C library, otherwise with the next step
//                               ▼
//                               `disconnected`: its sockets are shut down, another lane may take its place
//                               │ the thread has ended; one in an endless loop never does
//                               ▼
//                               `onReleased`: nothing that the thread used is in use any more

import { ProxyError } from "../core/errors.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import type { EndedBy } from "../core/contracts.ts";
import { type Clock, pause, within } from "../core/clock.ts";
import { ThreadLife } from "../net/libc/thread_life.ts";
import { openLibc } from "../net/udp/libc.ts";
import { DescriptorSet } from "../net/libc/descriptor_set.ts";
import { openLibrary } from "../net/tls/openssl.ts";
import { OpenSslObjects } from "../net/tls/openssl_objects.ts";
import { WakeHandle } from "../net/udp/wake_handle.ts";
import { Desk, type DeskServices } from "./desk.ts";
import type { UdpProtocol } from "../relay/udp/figures.ts";
import type { FromForwarder } from "../relay/udp/forwarder.ts";
import {
  type FromLane,
  LANE_MAIL,
  LANE_THREAD,
  type LaneAddresses,
  type LaneInit,
  type RelayName,
  type ToLane,
  type ToLaneForwarder,
} from "./messages.ts";
import { receiveError } from "./sent_error.ts";

/** The compiled program has all modules of a lane in one file; see scripts/compile.ts. */
const MODULE = Deno.build.standalone ? "../../dist/workers/lane_worker.js" : "./lane_worker.ts";
/** Milliseconds a lane may take to open its ports, and to end. */
const START_DEADLINE = 20_000;
const END_DEADLINE = 3_000;
/** Where the system cannot tell whether a thread has ended, one that was not stuck has by then. */
const LAST_BREATH = 3_000;
/** Intervals between checks for the thread's end; they grow, since it may run for ever. */
const FIRST_LOOK = 10;
const LONGEST_LOOK = 1_000;
/** Limit on OpenSSL objects that are freed in one turn, since others wait for this thread. */
const MOST_FREED = 256;

export interface LaneOptions {
  readonly init: Omit<LaneInit, "mail" | "wake" | "descriptors" | "openSslObjects" | "changes">;
  readonly clock: Clock;
  readonly services: DeskServices;
  /** Receives reports from the lane's forwarders. */
  readonly onForwarder: (
    lane: Lane,
    protocol: UdpProtocol,
    message: FromForwarder<unknown>,
  ) => void;
  /** Called once its thread has certainly ended and everything is released; perhaps never. */
  onReleased(): void;
}

export class Lane implements AsyncDisposable {
  readonly number: number;
  /** Rejects when the lane dies by itself; resolves once it is disposed of. */
  readonly closed: Promise<void>;
  /** Resolves once it serves no client any more, though its thread may still run. */
  readonly disconnected: Promise<void>;
  readonly #options: LaneOptions;
  readonly #worker: Worker;
  readonly #wake: WakeHandle | undefined;
  #stage: "open" | "closing" | "terminated" = "open";
  /** Whether the thread has said that it has closed everything and ends. */
  #hasClosedAll = false;
  readonly #desk: Desk;
  readonly #mail = new SharedArrayBuffer(8);
  readonly #descriptors = DescriptorSet.memory();
  readonly #openSslObjects = OpenSslObjects.memory();
  readonly #life = ThreadLife.open();
  readonly #shared = new Int32Array(this.#mail);
  readonly #opened = Promise.withResolvers<LaneAddresses>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #disconnected = Promise.withResolvers<void>();
  readonly #idle = {
    rtmp: Promise.withResolvers<void>(),
    http: Promise.withResolvers<void>(),
  };
  readonly #pings = new Map<number, () => void>();
  #pingCount = 0;
  /** Whether it has been silent for too long, so that it may never answer again. */
  #isStuck = false;
  #where: LaneAddresses | undefined;

  private constructor(options: LaneOptions) {
    const { init, services } = options;
    this.#options = options;
    this.number = init.lane;
    this.#wake = init.engine === "libc" ? new WakeHandle(openLibc()) : undefined;
    this.#desk = new Desk(services, (message) => this.#post(message));
    this.closed = this.#closed.promise;
    this.disconnected = this.#disconnected.promise;
    this.closed.catch(() => {});
    this.#worker = new Worker(import.meta.resolve(MODULE), {
      type: "module",
      name: `lane ${init.lane}`,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromLane>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new Error(`Lane ${init.lane} has failed: ${event.message}`));
    };
  }

  /** @throws ProxyError `internal` when a port cannot be bound */
  static async open(options: LaneOptions): Promise<Lane> {
    const lane = new Lane(options);
    try {
      await lane.#open();
      return lane;
    } catch (error) {
      lane.#terminate("lane_failed");
      throw error;
    }
  }

  get addresses(): LaneAddresses {
    return this.#where!;
  }

  /** Whether the session belongs to this lane. */
  has(session: string): boolean {
    return this.#desk.has(session);
  }

  /** See `RelaySessions`; as it was last told. */
  received(session: string): number | undefined {
    return this.#desk.received(session);
  }

  /** The lane's latest value of this gauge. */
  gauge(name: string): number {
    return this.#desk.gauge(name);
  }

  endSession(session: string, reason: EndedBy): void {
    this.#post({ type: "end_session", session, reason });
  }

  configure(variables: LaneInit["variables"]): void {
    this.#post({ type: "configure", variables });
  }

  tellForwarder(protocol: UdpProtocol, message: ToLaneForwarder): void {
    this.#post({ type: "forwarder", protocol, message });
  }

  certify(tls: TlsKeys): void {
    this.#post({ type: "certify", tls });
  }

  trust(authorities: string | undefined): void {
    this.#post({ type: "trust", authorities });
  }

  /** Stops taking new clients and streams; `idle` resolves when the last client has left. */
  drain(relay: RelayName): void {
    this.#post({ type: "drain", relay });
  }

  kill(relay: RelayName): void {
    this.#post({ type: "kill", relay });
  }

  /** Resolves when a draining relay has no client left, or the lane has ended. */
  idle(relay: RelayName): Promise<void> {
    return Promise.race([this.#idle[relay].promise, this.closed.catch(() => {})]);
  }

  /**
   * Resolves once the lane has proved responsive, or at once if it is being closed.
   *
   * @param asksReceived whether the lane first reports the counts that `received` returns
   */
  beat(asksReceived = false): Promise<void> {
    if (this.#stage !== "open") return Promise.resolve();
    const id = ++this.#pingCount;
    return new Promise((resolve) => {
      this.#pings.set(id, resolve);
      this.#post({ type: "ping", id, asksReceived });
    });
  }

  /** Whether its thread has ended without a word, as far as the system can tell. */
  get hasVanished(): boolean {
    return this.#thread !== 0 && this.#life?.runs(this.#thread) === false;
  }

  /** Ends the lane after a failure. */
  fail(error: Error): void {
    this.#die(error);
  }

  /** Ends a lane that no longer responds. */
  giveUp(): void {
    this.#isStuck = true;
    this.#die(new Error(`Lane ${this.number} is stuck`));
  }

  /** Disconnects its clients and frees its sockets; a thread that does not end by itself is terminated. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stage !== "open") return await this.closed.catch(() => {});
    this.#post({ type: "close" });
    this.#stage = "closing";
    this.#answerPings();
    const { clock } = this.#options;
    await within(clock, END_DEADLINE, this.closed.catch(() => {}), () => {
      this.#isStuck = true;
      this.#closed.resolve();
    });
    this.#terminate("shutdown");
  }

  /** Its thread's number once it runs; 0 before, and where the system does not tell. */
  get #thread(): number {
    return Atomics.load(this.#shared, LANE_THREAD);
  }

  async #open(): Promise<void> {
    const { init, clock, services } = this.#options;
    const whole = {
      ...init,
      changes: services.resolver.changes.memory,
      mail: this.#mail,
      descriptors: this.#descriptors,
      openSslObjects: this.#openSslObjects,
      wake: this.#wake?.fd,
    };
    this.#worker.postMessage({ type: "open", init: whole } satisfies ToLane);
    this.#where = await within(clock, START_DEADLINE, this.#opened.promise, () => {
      throw new ProxyError("internal", `Cannot start lane ${init.lane} in time`);
    });
  }

  #post(message: ToLane): void {
    if (this.#stage === "terminated") return;
    this.#worker.postMessage(message);
    Atomics.add(this.#shared, LANE_MAIL, 1);
    this.#wake?.wake();
  }

  #take(message: FromLane): void {
    switch (message.type) {
      case "question":
        return void this.#desk.answer(message);
      case "notice":
        return this.#desk.take(message.notice);
      case "opened":
        return this.#opened.resolve(message);
      case "pong":
        for (const notice of message.notices) this.#desk.take(notice);
        this.#pings.get(message.id)?.();
        this.#pings.delete(message.id);
        return;
      case "idle":
        return this.#idle[message.relay].resolve();
      case "forwarder":
        return this.#options.onForwarder(this, message.protocol, message.message);
      case "failed":
        return this.#die(receiveError(message.error));
      case "closed":
        this.#hasClosedAll = true;
        if (this.#stage !== "open") this.#closed.resolve();
        else this.#die(new Error(`Lane ${this.number} has ended`));
    }
  }

  /** Settles all pending pings: the lane is being closed. */
  #answerPings(): void {
    for (const answer of this.#pings.values()) answer();
    this.#pings.clear();
  }

  #die(error: Error): void {
    this.#opened.promise.catch(() => {});
    this.#opened.reject(error);
    this.#closed.reject(error);
    this.#terminate("lane_failed");
  }

  #terminate(reason: string): void {
    if (this.#stage === "terminated") return;
    this.#stage = "terminated";
    this.#answerPings();
    this.#worker.terminate();
    this.#desk.end(reason);
    void this.#cleanUp();
  }

  /** Shuts the thread's sockets down at once, and closes them when nobody can be using them. */
  async #cleanUp(): Promise<void> {
    const library = this.#wake && openLibc();
    const left = new DescriptorSet(this.#descriptors);
    if (library && !this.#hasClosedAll) {
      this.#wake?.wake();
      left.shutDown(library.symbols);
      this.#disconnected.resolve();
    }
    const isCertain = !this.#hasClosedAll && await this.#untilThreadHasEnded();
    if (library) left.closeAll(library.symbols);
    library?.close();
    this.#life?.[Symbol.dispose]();
    this.#wake?.[Symbol.dispose]();
    this.#disconnected.resolve();
    this.#options.onReleased();
    if (isCertain) await this.#freeOpenSslObjects();
  }

  /** Frees what the thread has left; one that ends by itself has left nothing. */
  async #freeOpenSslObjects(): Promise<void> {
    const left = new OpenSslObjects(this.#openSslObjects);
    if (left.isEmpty) return;
    const library = openLibrary();
    for (const _ of left.freeAll(library.symbols, MOST_FREED)) await pause(this.#options.clock, 0);
    library.close();
  }

  /** @returns whether it has certainly ended */
  async #untilThreadHasEnded(): Promise<boolean> {
    const { clock } = this.#options;
    const life = this.#life;
    if (life === undefined && this.#isStuck) return await new Promise<boolean>(() => {});
    if (life === undefined || this.#thread === 0) {
      await pause(clock, LAST_BREATH);
      return false;
    }
    for (
      let look = FIRST_LOOK;
      life.runs(this.#thread);
      look = Math.min(look * 1.5, LONGEST_LOOK)
    ) {
      await pause(clock, look);
    }
    return true;
  }
}
