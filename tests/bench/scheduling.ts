// Where and when measured processes run. The scheduler's placement decides how much each wake-up
// handles, so it is fixed here. Other processes would distort the result: a relay that is scheduled late
// moves more at once. Linux only.

const PRIORITY = "50";

/** Keeps all threads of a process on these cores. */
export async function pin(pid: number, cores: string): Promise<void> {
  const args = ["--all-tasks", "--pid", "--cpu-list", cores, String(pid)];
  await new Deno.Command("taskset", { args, stdout: "null" }).output();
}

/** Gives a process real-time priority. @returns whether that is allowed */
export async function goFirst(pid: number): Promise<boolean> {
  const args = ["--all-tasks", "--fifo", "--pid", PRIORITY, String(pid)];
  const command = new Deno.Command("chrt", { args, stdout: "null", stderr: "null" });
  return (await command.output()).success;
}

/** The begin of a command that runs on a core, with real-time priority if it may. */
export function placed(core: string, isFirst: boolean): string[] {
  return [...(isFirst ? ["chrt", "--fifo", PRIORITY] : []), "taskset", "-c", core];
}
