// A turn of the event loop for a thread that otherwise never gives it one: messages, timers and
// finished operations get through. It must be a timer: a message to oneself lets the runtime go on
// without ever looking at what other threads and the kernel have for it.

/** Resolves after one turn, a millisecond or so. */
export function macroTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
