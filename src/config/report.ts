// Shows the configuration in effect as a file of variables, for people who want to know where a value
// comes from. Shows no secrets.

import { VARIABLES } from "./table.ts";
import type { Settings } from "./environment.ts";

/** Variables that hold a secret, or may. */
const SECRET = /(?:TOKEN|PASSWORD|SECRET|_URL|_API_AUTH)$/;

/** One line for each variable: its value and where that comes from. */
export function reportConfig({ variables, sources }: Settings): string[] {
  return Object.entries(VARIABLES).map(([name, variable]) => {
    const set = variables[name]?.trim() ?? "";
    const value = set === "" ? variable.default : set;
    const source = set === "" ? "default" : sources[name] ?? "environment";
    const shown = set !== "" && SECRET.test(name) ? "(hidden)" : value;
    return `${name}=${quoted(shown)} # ${source}`;
  });
}

/** Quoted if a file of variables requires it. */
function quoted(value: string): string {
  if (/^[\w.:/,*+@[\]-]*$/.test(value)) return value;
  return value.includes("'") ? JSON.stringify(value) : `'${value}'`;
}
