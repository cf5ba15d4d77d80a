// What a reload changes in a configuration and what it leaves alone, according to the table of variables.

import { VARIABLES } from "./table.ts";

type Variables = Readonly<Record<string, string>>;

/** The names of variables that a reload found changed. */
export interface Changes {
  readonly applied: readonly string[];
  /** Those whose change waits for the next start. */
  readonly waiting: readonly string[];
}

export function changesBetween(before: Variables, after: Variables): Changes {
  const changed = Object.entries(VARIABLES).filter(([name, variable]) => {
    const [one, other] = [before, after].map((set) => set[name]?.trim() || variable.default);
    return one !== other;
  });
  const namesOf = (reload: "live" | "start") =>
    changed.filter(([, variable]) => variable.reload === reload).map(([name]) => name);
  return { applied: namesOf("live"), waiting: namesOf("start") };
}

/** The variables in effect after a reload: those that wait for the next start keep their old value. */
export function afterReload(running: Variables, next: Variables): Variables {
  const holding = Object.entries(VARIABLES).map(([name, { reload }]) => {
    return [name, (reload === "live" ? next : running)[name] ?? ""];
  });
  return Object.fromEntries(holding);
}
