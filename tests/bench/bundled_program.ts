// The program from its sources, except that its lanes run the bundle from `bundleLane`, as in the
// compiled program.

const RealWorker = globalThis.Worker;
const BUNDLED_LANE = import.meta.resolve("../../dist/workers/lane_worker.js");

globalThis.Worker = class extends RealWorker {
  constructor(module: string | URL, options?: WorkerOptions) {
    const isLane = String(module).endsWith("/lane_worker.ts");
    super(isLane ? BUNDLED_LANE : module, options);
  }
};

await import("../../main.ts");
