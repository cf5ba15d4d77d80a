// Runs a forwarder in its lane: joins it to a UDP engine, passes it commands from the main thread,
// and sends reports and counts back. Knows neither the protocol nor the thread.

import type { UdpDrops, UdpEngine, UdpLink } from "../../net/udp/port.ts";
import { noDrops } from "../../net/udp/drops.ts";
import type {
  Forwarder,
  ForwarderParts,
  FromForwarder,
  SharedTallies,
  ToForwarder,
} from "./forwarder.ts";

const FIGURES_INTERVAL = 1_000;

export type CreateForwarder<Init, Command, Report> = (
  parts: ForwarderParts<Init, Report>,
) => Forwarder<Command>;

export interface ServedForwarderOptions<Init, Command, Report> {
  readonly engine: UdpEngine;
  readonly tallies: SharedTallies;
  /** Until the main thread sends another. */
  readonly init: Init;
  readonly create: CreateForwarder<Init, Command, Report>;
  post(message: FromForwarder<Report>): void;
}

export class ServedForwarder<Init, Command, Report> {
  /** Resolves once it has been told to close; rejects when the relay or its socket has failed. */
  readonly closed: Promise<void>;
  readonly #engine: UdpEngine;
  readonly #forwarder: Forwarder<Command>;
  #init: Init;
  readonly #post: (message: FromForwarder<Report>) => void;
  #drops: UdpDrops = noDrops();
  #nextFigures = 0;

  constructor(options: ServedForwarderOptions<Init, Command, Report>) {
    const { engine, tallies, init, create } = options;
    this.#engine = engine;
    this.#init = init;
    this.#post = (message) => options.post(message);
    const { address, buffers } = engine;
    this.#post({ type: "opened", address, buffers });
    const report = (report: Report) => this.#post({ type: "report", report });
    this.#forwarder = create({ init: () => this.#init, engine, tallies, report });
    this.closed = this.#run();
  }

  take(message: ToForwarder<Init, Command>): void {
    if (message.type === "command") this.#forwarder.command(message.command);
    else if (message.type === "configure") this.#init = message.init;
    else this.close();
  }

  close(): void {
    this.#forwarder.end();
    this.#tellLost();
    this.#engine.close();
  }

  async #run(): Promise<void> {
    const forwarder = this.#forwarder;
    await this.#engine.run({
      fromClient: (datagram) => forwarder.fromClient(datagram),
      fromOrigin: (link: UdpLink, datagram) => forwarder.fromOrigin(link, datagram),
      unreachable: (link) => forwarder.unreachable(link),
      tick: (now) => {
        forwarder.tick(now);
        if (now < this.#nextFigures) return;
        this.#nextFigures = now + FIGURES_INTERVAL;
        this.#tellLost();
      },
    });
    this.#post({ type: "closed" });
  }

  #tellLost(): void {
    const drops = noDrops();
    let any = 0;
    for (const reason of Object.keys(drops) as (keyof UdpDrops)[]) {
      drops[reason] = this.#engine.drops[reason] - this.#drops[reason];
      any += drops[reason];
    }
    if (any === 0) return;
    this.#drops = { ...this.#engine.drops };
    this.#post({ type: "lost", drops });
  }
}
