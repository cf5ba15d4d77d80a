// Parses the text of a .env file: the variables it sets, and its invalid lines. Knows neither what the
// variables mean nor where the file is.

export interface DotEnvProblem {
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
}

export interface DotEnv {
  /** The last setting of a name wins. */
  readonly variables: ReadonlyMap<string, string>;
  readonly problems: readonly DotEnvProblem[];
}

const SETTING = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/;
const SINGLE_QUOTED = /^'([^']*)'\s*(?:#.*)?$/;
const DOUBLE_QUOTED = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/**
 * Parses lines of `NAME=value`, with or without `export`; `#` and `;` begin comments. A value in single
 * quotes is taken literally, one in double quotes may contain `\n`, `\"` and the like, any other ends at
 * ` #`. Nothing is expanded, and no value spans lines.
 */
export function parseDotEnv(text: string): DotEnv {
  const variables = new Map<string, string>();
  const problems: DotEnvProblem[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === "" || /^[#;]/.test(line)) continue;
    const [, name, written = ""] = SETTING.exec(line) ?? [];
    const value = name === undefined ? undefined : readValue(written);
    if (name !== undefined && value !== undefined) {
      variables.set(name, value);
    } else {
      problems.push({ line: index + 1, message: describe(name) });
    }
  }
  return { variables, problems };
}

// The line may contain a secret, so no message repeats it.
function describe(name: string | undefined): string {
  return name === undefined
    ? "Cannot parse this line: it is not NAME=value"
    : `Cannot parse the value of ${name}: its quotes do not match`;
}

function readValue(written: string): string | undefined {
  if (written.startsWith("'")) return SINGLE_QUOTED.exec(written)?.[1];
  if (written.startsWith('"')) {
    const quoted = DOUBLE_QUOTED.exec(written)?.[1];
    return quoted?.replace(/\\(.)/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
  }
  const comment = written.search(/(?:^|\s)#/);
  return comment < 0 ? written : written.slice(0, comment).trimEnd();
}
