// The HTTP server to which media servers post events of their streams as JSON: SRS's http_hooks and
// node-media-server's notify. It allows everything. Knows nothing about the proxy.

import { until } from "./wait.ts";

/** One event: `action` says what happened; the other fields depend on the server. */
export interface StreamEvent {
  readonly action: string;
  /** When it arrived, in milliseconds of `performance.now()`. */
  readonly at: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps every event posted to it. */
export class EventHook implements AsyncDisposable {
  readonly events: StreamEvent[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
    this.#server = Deno.serve(options, async (request) => {
      const fields: Readonly<Record<string, unknown>> = JSON.parse(await request.text());
      this.events.push({ action: `${fields["action"]}`, at: performance.now(), fields });
      // SRS accepts only a zero as success.
      return new Response("0");
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/event`;
  }

  /** The first event with this action whose fields contain `wanted`. */
  find(action: string, wanted: Readonly<Record<string, unknown>>): StreamEvent | undefined {
    const fields = Object.entries(wanted);
    return this.events.find((event) => {
      return event.action === action && fields.every(([name, value]) => {
        return JSON.stringify(event.fields[name]) === JSON.stringify(value);
      });
    });
  }

  /**
   * Waits for what `find` finds.
   *
   * @throws Error with all events when there is none within five seconds
   */
  async event(action: string, wanted: Readonly<Record<string, unknown>>): Promise<StreamEvent> {
    const what = `${action} ${JSON.stringify(wanted)}`;
    const describe = () => JSON.stringify(this.events);
    return await until(what, () => this.find(action, wanted), { timeout: 5_000, describe });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
