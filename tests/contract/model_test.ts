// The model test of the registry: random histories of three proxies on one Redis, four origins and
// many clients, with everything that can go wrong between them (tests/model/world.ts), with the
// real registry, store and scripts, in virtual time. A live stream must never be at two origins or
// unknown, no publisher may be told and then dropped, and nothing may stay forever
// (tests/model/truth.ts).
//
// MODEL_SEED and MODEL_COUNT select what is run; a failing history is shortened and printed.

import assert from "node:assert/strict";
import { say } from "../../scripts/say.ts";
import { Calm } from "../model/calm.ts";
import { describeEvent, type History, historyOf } from "../model/history.ts";
import { KNOWN_HISTORIES } from "../model/known_histories.ts";
import type { ModelSession } from "../model/model_session.ts";
import { runHistory } from "../model/run.ts";
import { shrinkHistory } from "../model/shrink.ts";
import { Truth, type Violation } from "../model/truth.ts";

const COUNT = Number(Deno.env.get("MODEL_COUNT") ?? 300);
const SEED = Deno.env.get("MODEL_SEED") ?? "1";
/** Lines of the trace shown for a failed history. */
const SHOWN = 60;
/** Failures after which to stop, because more would show the same. */
const MOST_FAILURES = 20;
const PROGRESS = 1_000;

interface Failure {
  readonly history: History;
  readonly violation: Violation;
}

/** The shortest history for each broken rule, with its trace. */
async function explain(failures: readonly Failure[]): Promise<string> {
  const texts: string[] = [];
  const rules = new Set(failures.map(({ violation }) => violation.rule));
  for (const rule of rules) {
    const { history } = failures.find(({ violation }) => violation.rule === rule)!;
    const short = await shrinkHistory(history, rule);
    const { violation, trace } = await runHistory(short, true);
    const { seed, variant, streamIdle } = short;
    texts.push([
      `${rule}: ${violation?.about} at ${violation?.at} ms`,
      `seed ${seed}, ${variant}, idle time ${streamIdle} ms`,
      ...short.events.map(describeEvent),
      ...trace.slice(-SHOWN),
    ].join("\n"));
  }
  return texts.join("\n\n");
}

Deno.test("no live stream is at two origins or unknown, whatever fails", async () => {
  say(`${COUNT} histories from seed ${SEED}`);
  const failures: Failure[] = [];
  let turns = 0;
  for (let number = 0; number < COUNT && failures.length < MOST_FAILURES; number++) {
    const history = historyOf(`${SEED}-${number}`);
    const outcome = await runHistory(history);
    turns += outcome.turns;
    if (outcome.violation) failures.push({ history, violation: outcome.violation });
    if (number % PROGRESS === PROGRESS - 1) say(`${number + 1}, ${failures.length} of them failed`);
  }
  if (failures.length > 0) assert.fail(`${failures.length} failed\n${await explain(failures)}`);
  assert.ok(turns > 500 * COUNT, "the histories are too short to say anything");
});

for (const [name, history] of Object.entries(KNOWN_HISTORIES)) {
  Deno.test(`nothing goes wrong when ${name}`, async () => {
    const { violation, trace } = await runHistory(history, true);
    assert.equal(violation, undefined, trace.slice(-SHOWN).join("\n"));
  });
}

Deno.test("the same seed gives the same history", async () => {
  const [one, other] = [
    await runHistory(historyOf("same"), true),
    await runHistory(historyOf("same"), true),
  ];
  assert.deepEqual(one, other);
  assert.ok(one.trace.length > 20);
});

function publisher(id: string, proxy: number, origin: string, now: number): ModelSession {
  return {
    ...{ id, client: id, proxy, stream: "v/a/1", intent: "publish", protocol: "rtmp", origin },
    ...{ askedAt: now - 10, known: undefined, toldAt: now, received: 0 },
    ...{ isAsking: false, isOver: false, isLeft: false },
  };
}

Deno.test("the model sees a stream at two origins, unless a proxy was alone", () => {
  const now = 100_000;
  for (const isAlone of [false, true]) {
    const calm = new Calm(2);
    if (isAlone) calm.isolate(now - 1_000, 1);
    const truth = new Truth(() => now, calm);
    truth.told(publisher("one", 0, "a", now));
    truth.told(publisher("other", 1, "b", now));
    assert.deepEqual(truth.violations.map(({ rule }) => rule), isAlone ? [] : ["split"]);
    truth.quiet([], 0);
    assert.ok(truth.violations.some(({ rule }) => rule === "split for good"));
  }
});

Deno.test("the model sees a stream that is live and unknown", () => {
  const now = 100_000;
  const truth = new Truth(() => now, new Calm(2));
  truth.told(publisher("one", 0, "a", now));
  const known = { stream: "v/a/1", origin: "a", confirmed: true, live: true, knownFor: 0 };
  truth.quiet([{ proxy: 0, streams: [known] }], 0);
  assert.deepEqual(truth.violations, []);
  truth.quiet([{ proxy: 0, streams: [known] }, { proxy: 1, streams: [] }], 0);
  assert.ok(truth.violations.some(({ rule }) => rule === "lost"));
});
