// A request that the proxy answers itself, from files or pages. A long response must not wait
// forever for a client that does not read it.

import { StallWatch } from "../../net/stall_watch.ts";
import type { HttpExchange } from "../../http1/exchange.ts";

export class PageExchange {
  readonly id = "";
  readonly isLive = false;
  readonly received = 0;
  readonly #exchange: HttpExchange;
  readonly #stall: number;
  readonly #watch: StallWatch;

  /** @param stall how long the client may read nothing, milliseconds */
  constructor(exchange: HttpExchange, stall: number) {
    this.#exchange = exchange;
    this.#stall = stall;
    this.#watch = new StallWatch(exchange.connection);
  }

  async run(response: Response): Promise<void> {
    await this.#exchange.answerWith(response);
  }

  /** It ends by itself. */
  drain(): void {}

  end(): void {
    this.#exchange.keepAlive = false;
    this.#exchange.connection.close();
  }

  sweep(elapsed: number): void {
    if (this.#watch.sweep(elapsed) >= this.#stall) this.end();
  }
}
