// Holds the sources to the rule that time is handed down: only the files named here ask the runtime
// for the time or for a timer, and only those named here take the clock of the process by themselves.
// A part of check_layers.ts. Reads text only.

const TIME =
  /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|AbortSignal\.timeout|hrtime|Temporal\.Now)|"node:timers/;
const SYSTEM_CLOCK = /\bsystemClock\b/;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;

/** Files, or folders with a slash, and why they may. */
type Exceptions = Readonly<Record<string, string>>;

const ASK_THE_RUNTIME: Exceptions = {
  "src/core/clock.ts": "makes a clock of it",
  "src/core/log.ts": "people read when a line was written",
  "src/api/event_feed.ts": "people read when something happened",
  "src/app/tls.ts": "certificates are good from one date to another",
  "src/http1/exchange.ts": "people and caches read the Date of an answer",
  "src/lane/served_forwarders.ts": "cookies hold at every proxy, and proxies share wall time alone",
  "src/net/udp/macro_turn.ts": "it waits for the event loop, not for time to pass",
  "src/net/libc/event_loop.ts": "it makes the clock of its thread",
  "src/console/operator/": "it runs in a browser",
  "src/console/pages/": "they run in a browser",
};

const TAKE_THE_CLOCK: Exceptions = {
  "src/core/clock.ts": "it is made there",
  "src/process/run.ts": "from there it is handed down",
  "src/lane/serve_lane.ts": "so it is in this thread",
  "src/core/log.ts": "for want of another; opened by many tests",
  "src/api/session_log.ts": "for want of another; opened by many tests",
  "src/registry/memory_store.ts": "for want of another; opened by many tests",
  "src/registry/registry.ts": "for want of another; opened by many tests",
  "src/registry/redis/store.ts": "for want of another; opened by many tests",
};

/**
 * Finds every use of the runtime's clocks and timers that is not excepted, and exceptions without a use.
 *
 * @param sources the text of every source file by its path from the top of the repository
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
