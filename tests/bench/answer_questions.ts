// The other end of an AskedProcess: answers each line of standard input with one line, and ends
// when the input ends.

/** @param answer called with one line at a time; returns one line */
export async function answerQuestions(
  answer: (question: string) => string | Promise<string>,
): Promise<never> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      Deno.stdout.writeSync(new TextEncoder().encode(`${await answer(line)}\n`));
    }
  }
  Deno.exit(0);
}
