// The seed of the fuzz tests: different in every run, so that coverage grows over time, or given by
// SRS_PROXY_FUZZ_SEED, to reproduce a failure.

import { randomNumbers } from "./random_text.ts";
import { SeededRandom } from "./rtmp_wire.ts";

const VARIABLE = "SRS_PROXY_FUZZ_SEED";
const LIMIT = 2 ** 32;

/** The seed of this run, 32 bits. */
export const FUZZ_SEED = seedOf(Deno.env.get(VARIABLE));

function seedOf(text: string | undefined): number {
  if (text === undefined) return crypto.getRandomValues(new Uint32Array(1))[0]!;
  const seed = Number(text);
  if (text !== "" && Number.isInteger(seed) && seed >= 0 && seed < LIMIT) return seed;
  throw new Error(`Cannot use ${VARIABLE}: current value is ${text}`);
}

function failure(seed: number, cause: unknown): Error {
  return new Error(`Cannot pass with ${VARIABLE}=${seed}: ${cause}`, { cause });
}

/** A test with one random generator; a failure names the seed. */
export function fuzzTest(
  name: string,
  run: (random: (below: number) => number) => void | Promise<void>,
): void {
  Deno.test(name, async () => {
    try {
      await run(randomNumbers(FUZZ_SEED));
    } catch (cause) {
      throw failure(FUZZ_SEED, cause);
    }
  });
}

/** Runs a test several times, each with a seed of its own; a failure names its seed. */
export function forEachSeed(
  rounds: number,
  run: (random: SeededRandom, seed: number) => void,
): void {
  for (let round = 0; round < rounds; round++) {
    const seed = (FUZZ_SEED + round) % LIMIT;
    try {
      run(new SeededRandom(seed), seed);
    } catch (cause) {
      throw failure(seed, cause);
    }
  }
}
