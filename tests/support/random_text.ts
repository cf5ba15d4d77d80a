// Randomly mutated text for fuzzing, reproducible by seed.

/** A random generator with a seed: xorshift, 32 bits. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export function pick<T>(random: (below: number) => number, values: readonly T[]): T {
  return values[random(values.length)]!;
}

/** A text of random one-byte characters. */
export function randomText(random: (below: number) => number, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(random(256))).join("");
}

/**
 * Deletes, duplicates, overwrites or inserts at random places.
 *
 * @param telling texts with a meaning in the format
 */
export function mutateText(
  random: (below: number) => number,
  telling: readonly string[],
  text: string,
): string {
  let mutated = text;
  for (let count = 1 + random(4); count > 0; count--) {
    const from = random(mutated.length + 1);
    const to = Math.min(mutated.length, from + random(12));
    const inserted = pick(random, [
      "",
      pick(random, telling),
      String.fromCharCode(random(256)),
      mutated.slice(from, to).repeat(2),
    ]);
    mutated = mutated.slice(0, from) + inserted + mutated.slice(to);
  }
  return mutated;
}
