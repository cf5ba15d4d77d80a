// Writes to a person at a terminal.

const TEXT = new TextEncoder();

/** Writes one line to standard output. */
export function say(line: string): void {
  let bytes = TEXT.encode(`${line}\n`);
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
}
