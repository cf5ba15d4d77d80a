// Reads the variables of the configuration from the environment of the process and from files, which can
// be read again. Knows no variables except the one that names the files, and renamed ones.

import { parseDotEnv } from "./dotenv.ts";

/** Variables by name, and problems of the files they come from. */
export interface Settings {
  readonly variables: Readonly<Record<string, string>>;
  /** Where each variable comes from: "environment" or the path of a file. */
  readonly sources: Readonly<Record<string, string>>;
  /** One line each, beginning with the file. */
  readonly problems: readonly string[];
  /** The same for probable mistakes that may be intended. */
  readonly notices: readonly string[];
}

/** What has been read from files so far. */
interface Found {
  readonly variables: Map<string, string>;
  readonly sources: Map<string, string>;
  readonly problems: string[];
  /** Paths of files that do not exist and never did. */
  readonly missing: string[];
}

const DEFAULT_FILE = ".env";
/** Old names of variables, and their new ones. */
const RENAMED: Readonly<Record<string, string>> = { PROXY_UDP_ENGINE: "PROXY_ENGINE" };

export class Environment {
  /** The environment of the process, unchanged. */
  readonly process: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #seen = new Set<string>();
  #own: ReadonlyMap<string, string> | undefined;

  /** @param directory base of relative paths */
  constructor(process: Readonly<Record<string, string>>, directory = ".") {
    this.process = process;
    this.#directory = directory;
  }

  /**
   * Reads the files that PROXY_ENV_FILE names, separated by colons, or `.env`. A later file wins; one that
   * does not exist counts as empty, unless it existed before. The environment wins over files, except for
   * variables that a service manager has copied there from these files: those found with the same value in
   * both at the first call follow the file from then on.
   */
  async read(): Promise<Settings> {
    const found: Found = { variables: new Map(), sources: new Map(), problems: [], missing: [] };
    const named = this.process.PROXY_ENV_FILE ?? "";
    const paths = (named || DEFAULT_FILE).split(":").filter((path) => path !== "");
    for (const path of paths) await this.#readFile(path, found);
    const { problems, missing, variables: fromFiles } = found;
    // Any of several files may be missing, but at least one of those named must exist.
    const isAllMissing = named !== "" && missing.length === paths.length;
    if (isAllMissing && this.#seen.size === 0) {
      problems.push(`PROXY_ENV_FILE: Cannot find the file: current value is ${named}`);
    }
    this.#own ??= new Map(
      Object.entries(this.process).filter(([name, value]) => {
        return value.trim() !== "" && value.trim() !== fromFiles.get(name)?.trim();
      }),
    );
    const own = [...this.#own.keys()].map((name) => [name, "environment"] as const);
    return followRenames({
      variables: Object.fromEntries([...fromFiles, ...this.#own]),
      sources: Object.fromEntries([...found.sources, ...own]),
      problems,
      notices: named === "" ? [] : missing.map((path) => `PROXY_ENV_FILE: ${path} is not there`),
    });
  }

  async #readFile(path: string, { variables, sources, problems, missing }: Found): Promise<void> {
    const text = await readIfThere(path.startsWith("/") ? path : `${this.#directory}/${path}`);
    if (typeof text === "object") {
      problems.push(`${path}: Cannot read the file: ${text.reason}`);
      return;
    }
    // Whoever removes a file probably does not mean to remove the token in it as well.
    if (text !== undefined) this.#seen.add(path);
    else if (this.#seen.has(path)) problems.push(`${path}: Cannot read the file: it is gone`);
    else missing.push(path);
    const file = parseDotEnv(text ?? "");
    for (const [name, value] of file.variables) {
      variables.set(name, value);
      sources.set(name, path);
    }
    for (const { line, message } of file.problems) {
      problems.push(`${path} line ${line}: ${message}`);
    }
  }
}

/** Gives variables set under an old name their new one, unless the new one is set too. */
function followRenames(settings: Settings): Settings {
  const variables = { ...settings.variables };
  const sources = { ...settings.sources };
  const notices = [...settings.notices];
  for (const [old, name] of Object.entries(RENAMED)) {
    const [value, source] = [variables[old], sources[old]];
    if (value === undefined) continue;
    delete variables[old];
    delete sources[old];
    notices.push(`${old}: Use ${name} instead; the old name will go`);
    if ((variables[name] ?? "").trim() !== "") continue;
    variables[name] = value;
    sources[name] = source!;
  }
  return { ...settings, variables, sources, notices };
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
