// The program with threads that fail when told to by requests to FAULT_PORT; see faults.ts. The
// real program knows nothing about it.

import { stall } from "./endless_loop.ts";

/** Next to this, bundled or not. */
const LANE = `./fragile_lane.${import.meta.url.split(".").at(-1)}`;
const RealWorker = globalThis.Worker;
const lanes = new Map<string, Worker>();

globalThis.Worker = class extends RealWorker {
  constructor(module: string | URL, options?: WorkerOptions) {
    const isLane = String(module).endsWith("/lane_worker.ts");
    super(isLane ? import.meta.resolve(LANE) : module, options);
    if (isLane) lanes.set(options!.name!, this);
  }
};

/** Request paths are `/THREAD/FAULT`, such as `/lane%201/throw` and `/main/stall`. */
Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.env.get("FAULT_PORT")),
  onListen: () => {},
}, ({ url }) => {
  const [thread, fault] = new URL(url).pathname.slice(1).split("/").map(decodeURIComponent);
  if (thread === "main") setTimeout(stall, 50);
  else lanes.get(thread!)!.postMessage({ fault });
  return new Response();
});

await import("../../main.ts");
