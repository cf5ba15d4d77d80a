// Gives a turn to the runtime's event loop in a thread that otherwise never does: messages, timers and
// finished operations get through. It must be a timer: with a message to itself, the runtime would go on
// without ever looking at what other threads and the kernel have for it.

/** Resolves after one turn, a millisecond or so. */
export function macroTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
