// Where the variables of the configuration come from: the environment of the process and files. Files
// can be read again, the environment cannot change. Knows no variable but the one that names files.

import { parseDotEnv } from "./dotenv.ts";

/** Variables by name, and what is wrong with the files they come from. */
export interface Settings {
  readonly variables: Readonly<Record<string, string>>;
  /** One line each, beginning with the file. */
  readonly problems: readonly string[];
}

const DEFAULT_FILE = ".env";

/** The environment of a process and its files. */
export class Environment {
  /** The process's own, as it was given. */
  readonly process: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #seen = new Set<string>();
  #own: ReadonlyMap<string, string> | undefined;

  /** @param directory where relative paths begin */
  constructor(process: Readonly<Record<string, string>>, directory = ".") {
    this.process = process;
    this.#directory = directory;
  }

  /**
   * Reads the files that PROXY_ENV_FILE names, with colons between, or `.env`; one that is not there is
   * empty, unless it has been there before, and a later one wins. A variable of the process wins over
   * files, unless it is a file's: a service manager has put the variables of files into the environment,
   * where the first call finds them with the same value. Those follow the file from then on.
   */
  async read(): Promise<Settings> {
    const problems: string[] = [];
    const fromFiles = new Map<string, string>();
    for (const path of (this.process.PROXY_ENV_FILE || DEFAULT_FILE).split(":")) {
      if (path !== "") await this.#readFile(path, fromFiles, problems);
    }
    this.#own ??= new Map(
      Object.entries(this.process).filter(([name, value]) => {
        return value.trim() !== "" && value.trim() !== fromFiles.get(name)?.trim();
      }),
    );
    return { variables: Object.fromEntries([...fromFiles, ...this.#own]), problems };
  }

  async #readFile(
    path: string,
    variables: Map<string, string>,
    problems: string[],
  ): Promise<void> {
    const text = await readIfThere(path.startsWith("/") ? path : `${this.#directory}/${path}`);
    if (typeof text === "object") {
      problems.push(`${path}: Cannot read the file: ${text.reason}`);
      return;
    }
    // Whoever takes away a file means hardly to take away the token that was in it.
    if (text !== undefined) this.#seen.add(path);
    else if (this.#seen.has(path)) problems.push(`${path}: Cannot read the file: it is gone`);
    const file = parseDotEnv(text ?? "");
    for (const [name, value] of file.variables) variables.set(name, value);
    for (const { line, message } of file.problems) {
      problems.push(`${path} line ${line}: ${message}`);
    }
  }
}

async function readIfThere(
  path: string,
): Promise<string | undefined | { readonly reason: string }> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
