// Randomly damaged bytes, reproducible with the same random numbers.

/** Truncated in half of the cases, and with up to four bytes changed. */
export function damaged(
  random: (below: number) => number,
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const changed = bytes.slice(0, random(2) === 0 ? bytes.length : random(bytes.length + 1));
  if (changed.length === 0) return changed;
  for (let changes = random(5); changes > 0; changes--) {
    changed[random(changed.length)] = random(256);
  }
  return changed;
}

export function noise(random: (below: number) => number, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random(256));
}
