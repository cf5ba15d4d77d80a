// A WebRTC origin based on werift, for browsers that publish and play through the proxy. Knows
// nothing about the proxy.

import { formatAddress } from "../../src/core/endpoint.ts";
import { Child } from "./child.ts";
import { fetchText } from "./origin_server.ts";
import { PROJECT_FOLDER } from "./project.ts";

const SPECIFIER = "npm:werift@0.25.2";
const LOCK = `--lock=${PROJECT_FOLDER}/tests/support/werift.lock`;
const START_DEADLINE = 30_000;

/**
 * The package as arguments of `deno cache`, with a lock file of its own, because the proxy does not
 * use it.
 */
export const WERIFT_PACKAGE: readonly string[] = ["--no-config", LOCK, "--frozen", SPECIFIER];

/** Whether it runs on this Deno; older versions lack Node features that it needs. */
export const WERIFT_RUNS: boolean = Number(Deno.version.deno.split(".")[1]) >= 9 ||
  Number(Deno.version.deno.split(".")[0]) > 2;

/** What the origin has seen. */
export interface SeenByOrigin {
  /** Method and path. */
  readonly requests: readonly string[];
  /** Ids of the open sessions. */
  readonly sessions: readonly string[];
}

/** A running origin; disposing of it kills it. */
export class WeriftOrigin implements AsyncDisposable {
  readonly name: string;
  readonly host: string;
  readonly apiPort: number;
  /** A port only for the registration; nothing speaks RTMP there. */
  readonly rtmpPort: number;
  readonly process: Child;

  private constructor(
    { name, host }: Pick<WeriftOrigin, "name" | "host">,
    process: Child,
    apiPort: number,
  ) {
    this.name = name;
    this.host = host;
    this.process = process;
    this.apiPort = apiPort;
    this.rtmpPort = apiPort;
  }

  /** @throws Error with the process's own errors when it does not start */
  static async open(name = "werift", host = "127.0.0.1"): Promise<WeriftOrigin> {
    const program = `${PROJECT_FOLDER}/tests/support/werift_origin_process.ts`;
    const process = new Child({
      command: Deno.execPath(),
      args: [
        "run",
        "--quiet",
        "--no-config",
        LOCK,
        "--frozen",
        "--allow-all",
        program,
        SPECIFIER,
        host,
      ],
    });
    const port = () => Number(/^(\d+)$/m.exec(process.outputText)?.[1]) || undefined;
    try {
      const apiPort = await process.until("its port", port, START_DEADLINE);
      return new WeriftOrigin({ name, host }, process, apiPort);
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  async seen(): Promise<SeenByOrigin> {
    return JSON.parse(
      await fetchText(`http://${formatAddress({ host: this.host, port: this.apiPort })}/seen`),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}
