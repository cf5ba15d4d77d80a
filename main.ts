// The program: arguments and environment in, exit code out. The only place that ends the process.

import { processIo, runCommandLine } from "./src/cli.ts";
import { runProxy } from "./src/run.ts";

const io = processIo();
const outcome = await runCommandLine(Deno.args, io);
Deno.exit(outcome.action === "exit" ? outcome.code : await runProxy(outcome.config, io));
