// A client in a thread of its own that says something and, once it has been answered, sends the same bytes
// again and again as fast as they are taken, until it is disposed of.

/** What it sends, and where. */
interface Flood {
  readonly port: number;
  readonly first: Uint8Array;
  readonly again: Uint8Array;
}

/** A running flood. */
export class FloodingClient implements Disposable {
  readonly #worker = new Worker(import.meta.url, { type: "module" });

  constructor(flood: Flood) {
    this.#worker.postMessage(flood);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

interface WorkerScope {
  onmessage: ((event: MessageEvent<Flood>) => void) | null;
}

/** Whether this is the thread. */
const isThread = "WorkerGlobalScope" in globalThis;

if (isThread) {
  (globalThis as unknown as WorkerScope).onmessage = async ({ data: { port, first, again } }) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(first);
    try {
      await conn.read(new Uint8Array(1));
      while (true) await conn.write(again);
    } catch {
      // It has been let go.
    }
  };
}
