// The HTTP server that origins ask before a publish or play. Knows nothing about RTMP.

/** One question from an origin: the form that nginx-rtmp posts. */
export type HookCall = Readonly<Record<string, string>>;

/** Answers every question with the same status and keeps the questions. */
export class HookServer implements AsyncDisposable {
  readonly calls: HookCall[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param status the status of every answer; anything but 2xx refuses */
  constructor(status: number) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
    this.#server = Deno.serve(options, async (request) => {
      const form = new URLSearchParams(await request.text());
      this.calls.push(Object.fromEntries(form));
      return new Response(null, { status });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/hook`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
