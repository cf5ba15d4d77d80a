// A client in a thread of its own that sends some bytes and, once it has been answered, repeats
// other bytes as fast as they are read, until it is disposed of.

/** What to send, and where. */
interface Flood {
  readonly port: number;
  readonly first: Uint8Array;
  readonly again: Uint8Array;
}

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

/** Whether this code runs in the client's thread. */
const isThread = "WorkerGlobalScope" in globalThis;

if (isThread) {
  (globalThis as unknown as WorkerScope).onmessage = async ({ data: { port, first, again } }) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(first);
    try {
      await conn.read(new Uint8Array(1));
      while (true) await conn.write(again);
    } catch {
      // It has been disconnected.
    }
  };
}
