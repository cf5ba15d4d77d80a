// The program: arguments and environment in, exit code out. The only place that ends the process.

import { processIo, runCommandLine } from "./src/process/cli.ts";

const io = processIo();
const outcome = await runCommandLine(Deno.args, io);
if (outcome.action === "exit") Deno.exit(outcome.code);
// Loaded only now, since most of the program has no part in answering --version or --check.
const { runProxy } = await import("./src/process/run.ts");
Deno.exit(await runProxy(outcome, io));
