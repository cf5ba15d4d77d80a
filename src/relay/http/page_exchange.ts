// A request that the proxy answers itself, from files or pages: its answer may be long, and must
// not wait for ever for a client that does not read it.

import type { HttpExchange } from "./http_exchange.ts";

/** An answer under way. */
export class PageExchange {
  readonly id = "";
  readonly isLive = false;
  readonly received = 0;
  readonly #exchange: HttpExchange;
  readonly #stall: number;
  #stalledFor = 0;

  /** @param stall milliseconds that the client may take nothing */
  constructor(exchange: HttpExchange, stall: number) {
    this.#exchange = exchange;
    this.#stall = stall;
  }

  /** Writes the answer, to its end or that of the connection. */
  async run(response: Response): Promise<void> {
    await this.#exchange.answerWith(response);
  }

  /** Cuts the answer off. */
  end(): void {
    this.#exchange.keepAlive = false;
    this.#exchange.connection.close();
  }

  /** Ends what has not been read for too long. */
  sweep(elapsed: number): void {
    const { connection } = this.#exchange;
    this.#stalledFor = connection.active ? 0 : this.#stalledFor + elapsed;
    connection.active = false;
    if (this.#stalledFor >= this.#stall) this.end();
  }
}
