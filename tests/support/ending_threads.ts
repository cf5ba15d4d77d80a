// A process whose threads have used OpenSSL and end at the moment at which it ends itself.

import { openLibrary } from "../../src/net/tls/openssl.ts";

const THREADS = 12;
/** So many that some threads end while the process ends. */
const USES = 200;

if ("WorkerGlobalScope" in globalThis) {
  const thread = globalThis as unknown as Worker & { close(): void };
  const { symbols: ssl } = openLibrary();
  // OpenSSL keeps random numbers for each thread, and frees them when it ends.
  const use = () => ssl.RAND_bytes(Deno.UnsafePointer.of(new Uint8Array(32)), 32);
  use();
  thread.onmessage = () => {
    for (let count = 0; count < USES; count++) use();
    thread.close();
  };
  thread.postMessage("ready");
} else {
  const threads = Array.from(
    { length: THREADS },
    () => new Worker(import.meta.url, { type: "module" }),
  );
  await Promise.all(threads.map((thread) => new Promise((ready) => thread.onmessage = ready)));
  for (const thread of threads) thread.postMessage("end");
  Deno.exit(0);
}
