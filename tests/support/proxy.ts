// The real program, run from source or, if SRS_PROXY_BIN is set, as that executable, with every
// listener on a free loopback port. Knows the program only from outside.

import { resolve } from "node:path";
import { PERMISSIONS, V8_FLAGS } from "../../scripts/permissions.ts";
import { Child, type ChildEnd } from "./child.ts";
import { freePorts } from "./ports.ts";
import { PROJECT_FOLDER } from "./project.ts";

export interface ProxyPorts {
  readonly rtmp: number;
  readonly httpServer: number;
  readonly httpApi: number;
  readonly systemApi: number;
  readonly webrtc: number;
  readonly srt: number;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** A proxy that is ready; disposing of it kills it. */
export class Proxy implements AsyncDisposable {
  readonly ports: ProxyPorts;
  readonly process: Child;

  private constructor(ports: ProxyPorts, process: Child) {
    this.ports = ports;
    this.process = process;
  }

  /**
   * Starts the program and waits until `GET /readyz` succeeds.
   *
   * @param variables PROXY_* variables in addition to those that the tests need: free loopback
   * ports, and origins allowed on 127.0.0.0/8
   * @param ports where it listens; free ones unless given
   * @param options where to start the program, and which
   * @throws Error with the program's own errors when it does not become ready
   */
  static async open(
    variables: Variables = {},
    ports = freeProxyPorts(),
    options: StartOptions = {},
  ): Promise<Proxy> {
    const process = startProxy([], { ...listenVariables(ports), ...variables }, options);
    const proxy = new Proxy(ports, process);
    try {
      await process.until("the proxy become ready", () => proxy.isReady(), 30_000);
      return proxy;
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  rtmpUrl(stream: string): string {
    return `rtmp://127.0.0.1:${this.ports.rtmp}/live/${stream}`;
  }

  /** The URL of a path of the System API. */
  systemUrl(path: string): string {
    return `http://127.0.0.1:${this.ports.systemApi}${path}`;
  }

  /** The status of `GET /readyz`; undefined if nothing listens there. */
  async readiness(): Promise<number | undefined> {
    try {
      const response = await fetch(this.systemUrl("/readyz"));
      await response.body?.cancel();
      return response.status;
    } catch {
      return undefined;
    }
  }

  async isReady(): Promise<boolean> {
    return await this.readiness() === 200;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}

/** The ports on which the program listens by default. */
export const DEFAULT_PORTS: ProxyPorts = {
  rtmp: 11935,
  httpServer: 18080,
  httpApi: 11985,
  systemApi: 12025,
  webrtc: 18000,
  srt: 20080,
};

/** Free ports for all listeners of one proxy. */
export function freeProxyPorts(): ProxyPorts {
  const [rtmp, httpServer, httpApi, systemApi, webrtc, srt] = freePorts(6) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { rtmp, httpServer, httpApi, systemApi, webrtc, srt };
}

/** Variables for a whole test run, as `NAME=value` separated by spaces. */
const RUN_VARIABLES = Object.fromEntries(
  (Deno.env.get("TEST_VARIABLES") ?? "").split(" ").filter((one) => one !== "")
    .map((one) => one.split("=", 2)),
);

/** The engine of the run's proxies, unless a test chooses another. */
export const RUN_ENGINE: string = RUN_VARIABLES.PROXY_ENGINE ??
  (Deno.build.os === "linux" ? "libc" : "deno");

/** What a proxy needs in order to serve WebRTC over TCP on the port of HTTP, with any engine. */
export const SHARED_PORT: Readonly<Record<string, string>> = RUN_ENGINE === "deno"
  ? { PROXY_LANES: "1" }
  : {};

/**
 * The variables that make a proxy listen on these ports and accept origins on loopback addresses,
 * and those of the test run.
 */
export function listenVariables(ports: ProxyPorts): Record<string, string> {
  return {
    ...RUN_VARIABLES,
    PROXY_RTMP_SERVER: `127.0.0.1:${ports.rtmp}`,
    PROXY_HTTP_SERVER: `127.0.0.1:${ports.httpServer}`,
    PROXY_HTTP_API: `127.0.0.1:${ports.httpApi}`,
    PROXY_SYSTEM_API: `127.0.0.1:${ports.systemApi}`,
    PROXY_WEBRTC_SERVER: `127.0.0.1:${ports.webrtc}`,
    PROXY_SRT_SERVER: `127.0.0.1:${ports.srt}`,
    PROXY_REGISTER_ALLOW: "127.0.0.0/8",
  };
}

export interface StartOptions {
  readonly cwd?: string | undefined;
  /** A wrapper around the real one; see `proxyCommand`. */
  readonly program?: string | undefined;
  /** A file to use as /etc/hosts; see `HAS_NAMESPACES`. */
  readonly hosts?: string;
}

/** Runs a command with the file in the first argument as /etc/hosts, only for that command. */
const WITH_HOSTS = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"'];

/** Starts the program with these arguments and variables, and none of this process's PROXY_*. */
export function startProxy(
  args: readonly string[],
  variables: Variables,
  { cwd, program, hosts }: StartOptions = {},
): Child {
  const foreign = Object.keys(Deno.env.toObject()).filter((name) => name.startsWith("PROXY_"));
  const cleared = Object.fromEntries(foreign.map((name) => [name, undefined]));
  const around = hosts === undefined ? [] : [...WITH_HOSTS, hosts];
  const [command, ...first] = [...around, ...proxyCommand(program)];
  return new Child({
    command: command!,
    args: [...first, ...args],
    env: { ...cleared, NO_COLOR: "1", ...variables },
    cwd,
  });
}

/** The result of a run of the program that ends by itself. */
export interface ProxyRun extends ChildEnd {
  readonly output: string;
  readonly errors: string;
}

/** Runs the program until it ends, at most ten seconds. */
export async function runProxy(
  args: readonly string[],
  variables: Variables = {},
  cwd?: string,
): Promise<ProxyRun> {
  await using process = startProxy(args, variables, { cwd });
  const end = await process.end();
  return { ...end, output: process.outputText, errors: process.errorText };
}

/**
 * The program and its first arguments, as tests run it.
 *
 * @param around a module that prepares something and then imports the real one; never the executable
 */
export function proxyCommand(around?: string): string[] {
  const executable = Deno.env.get("SRS_PROXY_BIN");
  if (around === undefined && executable !== undefined && executable !== "") {
    return [resolve(executable)];
  }
  const configuration = `--config=${PROJECT_FOLDER}/deno.json`;
  const program = around ?? `${PROJECT_FOLDER}/main.ts`;
  return [Deno.execPath(), "run", "--quiet", configuration, ...PERMISSIONS, V8_FLAGS, program];
}
