// What a stuck thread does, without the processor time that it would take from what is tested.

const NEVER_CHANGED = new Int32Array(new SharedArrayBuffer(4));
const NAP = 10;

/** Never returns, and lets nothing else run in this thread. */
export function stall(): never {
  while (true) Atomics.wait(NEVER_CHANGED, 0, 0, NAP);
}
