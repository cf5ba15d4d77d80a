// Checks that clocks are passed down: only the files named here ask the runtime for the time or a
// timer, and only those named here use the process's clock directly. Part of check_layers.ts. Works
// on text only.

const TIME =
  /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|AbortSignal\.timeout|hrtime|Temporal\.Now|clock_gettime)|"node:timers/;
const SYSTEM_CLOCK = /\bsystemClock\b/;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;

/** Files, or folders with a trailing slash, and the reason for the exception. */
type Exceptions = Readonly<Record<string, string>>;

const ASK_THE_RUNTIME: Exceptions = {
  "src/core/clock.ts": "makes a clock from it",
  "src/core/log.ts": "people read when a line was written",
  "src/api/event_feed.ts": "people read when something happened",
  "src/app/tls.ts": "certificates are valid between two dates",
  "src/http1/exchange.ts": "people and caches read the Date of an answer",
  "src/lane/served_forwarders.ts":
    "cookies are valid at every proxy, and proxies share only wall time",
  "src/net/udp/macro_turn.ts": "it waits for the event loop, not for time to pass",
  "src/net/udp/libc.ts": "it declares the call",
  "src/net/libc/thread_life.ts": "it measures CPU time",
  "src/process/sd_notify.ts": "the service manager compares it with its own clock",
  "src/net/libc/event_loop.ts": "it makes the clock of its thread",
  "src/console/operator/": "it runs in a browser",
  "src/console/pages/": "they run in a browser",
};

const TAKE_THE_CLOCK: Exceptions = {
  "src/core/clock.ts": "it is created there",
  "src/process/run.ts": "it is passed down from there",
  "src/lane/serve_lane.ts": "it is passed down in this thread too",
  "src/core/log.ts": "a default, for the many tests that open it",
  "src/api/session_log.ts": "a default, for the many tests that open it",
  "src/registry/memory_store.ts": "a default, for the many tests that open it",
  "src/registry/registry.ts": "a default, for the many tests that open it",
  "src/registry/redis/store.ts": "a default, for the many tests that open it",
};

/**
 * Finds every use of the runtime's clocks and timers that is not an exception, and exceptions that
 * are not used.
 *
 * @param sources the text of every source file, by its path in the repository
 * @returns one line for each, beginning with the path
 */
export function findClocks(sources: ReadonlyMap<string, string>): string[] {
  return [
    ...findUses(sources, TIME, ASK_THE_RUNTIME),
    ...findUses(sources, SYSTEM_CLOCK, TAKE_THE_CLOCK),
  ];
}

function findUses(
  sources: ReadonlyMap<string, string>,
  pattern: RegExp,
  exceptions: Exceptions,
): string[] {
  const violations: string[] = [];
  for (const [path, text] of sources) {
    if (!path.startsWith("src/") || /_test\.tsx?$/.test(path)) continue;
    const use = pattern.exec(text.replace(COMMENT, ""))?.[0];
    const isExcepted = Object.keys(exceptions).some((place) => {
      return place.endsWith("/") ? path.startsWith(place) : path === place;
    });
    if (use !== undefined && !isExcepted) {
      violations.push(`${path}: Cannot use ${use}: clocks are handed down (core/clock.ts)`);
    } else if (use === undefined && path in exceptions) {
      violations.push(`${path}: Cannot be an exception in check_clocks.ts: it needs none`);
    }
  }
  return violations;
}
