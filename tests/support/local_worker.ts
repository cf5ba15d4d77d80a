// A Worker that is none: the inside of a UDP thread served in this one, where a test moves its clock.
// Messages are copied and come later, as between threads.

import type { Clock } from "../../src/core/clock.ts";
import {
  serveScope,
  type ThreadRelay,
  type ThreadRelayParts,
  type WorkerScope,
} from "../../src/net/udp/serve_thread.ts";
import type { UdpWorker } from "../../src/net/udp/thread.ts";

/** See `UdpWorker`; for the engine "deno", since the other one blocks its thread. */
export class LocalWorker<Init extends object, Command, Report> implements UdpWorker {
  onmessage: Worker["onmessage"] = null;
  onerror: Worker["onerror"] = null;
  readonly #scope: WorkerScope<Init, Command, Report>;
  #isOver = false;

  constructor(
    clock: Clock,
    create: (parts: ThreadRelayParts<Init, Report>) => ThreadRelay<Command>,
  ) {
    this.#scope = {
      onmessage: null,
      postMessage: (data) => {
        this.#deliver(() => this.onmessage?.call(this as unknown as Worker, eventOf(data)));
      },
      close: () => {},
    };
    serveScope(this.#scope, clock, create);
  }

  postMessage(data: unknown): void {
    const event = eventOf(data);
    this.#deliver(() => this.#scope.onmessage?.(event));
  }

  terminate(): void {
    this.#isOver = true;
  }

  #deliver(act: () => void): void {
    queueMicrotask(() => this.#isOver || act());
  }
}

function eventOf(data: unknown): MessageEvent {
  return new MessageEvent("message", { data: structuredClone(data) });
}
