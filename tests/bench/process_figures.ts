// Resources used by a process, as counted by the kernel. Linux only.

const TICKS_PER_SECOND = 100;

/** CPU seconds that the threads of a process have used so far, user and system. */
export function cpuSeconds(pid: number): number {
  let seconds = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      seconds += threadSeconds(pid, name);
    } catch {
      // The thread has ended meanwhile.
    }
  }
  return seconds;
}

/** CPU seconds that the main thread of a process has used so far. */
export function mainThreadSeconds(pid: number): number {
  return threadSeconds(pid, String(pid));
}

/** In nanoseconds; the clock ticks of `stat` are too coarse for a light load. */
function threadSeconds(pid: number, thread: string): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${thread}/schedstat`);
  return Number(text.split(" ", 1)[0]) / 1e9;
}

/** CPU seconds that this machine has been busy so far. */
export function machineSeconds(): number {
  const [user, nice, system, , , irq, softirq, steal] = Deno.readTextFileSync("/proc/stat")
    .split("\n", 1)[0]!.trim().split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_PER_SECOND;
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
