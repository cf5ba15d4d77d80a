// Where and when measured processes run. The scheduler's placement decides how much each wake-up
// handles, so it is fixed here. Other processes would distort the result: a relay that is scheduled late
// moves more at once. Linux only.

const PRIORITY = "50";

/** Keeps all threads of a process on these cores. */
export async function pin(pid: number, cores: string): Promise<void> {
  const args = ["--all-tasks", "--pid", "--cpu-list", cores, String(pid)];
  await new Deno.Command("taskset", { args, stdout: "null" }).output();
}

/**
 * Gives a process real-time priority: its lanes, if it has any, otherwise all its threads. The main thread of
 * Deno polls in some of its waits, and at the same priority on the same core its lanes would never run.
 *
 * @returns whether that is allowed
 */
export async function goFirst(pid: number): Promise<boolean> {
  const threads = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
  const lanes = threads.filter((thread) => nameOf(pid, thread).startsWith("worker-"));
  const results = (lanes.length > 0 ? lanes : threads).map(async (thread) => {
    const args = ["--fifo", "--pid", PRIORITY, thread];
    const command = new Deno.Command("chrt", { args, stdout: "null", stderr: "null" });
    return (await command.output()).success;
  });
  return (await Promise.all(results)).every((isDone) => isDone);
}

function nameOf(pid: number, thread: string): string {
  return Deno.readTextFileSync(`/proc/${pid}/task/${thread}/comm`);
}

/** The beginning of a command that runs on a core, with real-time priority if it may. */
export function placed(core: string, isFirst: boolean): string[] {
  return [...(isFirst ? ["chrt", "--fifo", PRIORITY] : []), "taskset", "-c", core];
}
