// Ends the program cleanly after an uncaught error. The runtime would first write the error to standard
// error, and a reader that has stopped would keep the process from ending.

/** Catches errors until it is disposed of. */
export class UncaughtErrors implements Disposable {
  /** Resolves with the first one. */
  readonly first: Promise<{ readonly error: unknown }>;
  readonly #stack = new DisposableStack();

  constructor() {
    const { promise, resolve } = Promise.withResolvers<{ error: unknown }>();
    this.first = promise;
    const onError = (event: ErrorEvent) => {
      event.preventDefault();
      resolve({ error: event.error });
    };
    const onRejection = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      resolve({ error: event.reason });
    };
    addEventListener("error", onError);
    addEventListener("unhandledrejection", onRejection);
    this.#stack.defer(() => removeEventListener("error", onError));
    this.#stack.defer(() => removeEventListener("unhandledrejection", onRejection));
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
