// Runs short commands and returns their exit code and output.

export interface Outcome {
  readonly code: number;
  /** Its standard output, then its standard error output. */
  readonly said: string;
}

/** Runs a command to its end; `env` is added to this process's variables. */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], env })
    .output();
  const text = new TextDecoder();
  return { code, said: text.decode(stdout) + text.decode(stderr) };
}
