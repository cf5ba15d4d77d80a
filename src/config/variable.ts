// What a variable of the configuration consists of. Knows no variable by name.

import { integer, type Kind } from "./kinds.ts";

/** One variable; an empty one counts as unset. */
export interface Variable<T> {
  readonly kind: Kind<T>;
  /** Written like the variable's own value; may be empty only if the kind accepts that. */
  readonly default: string;
  /** One line for `--help` and the docs. */
  readonly doc: string;
  /** Whether a reload applies a change, or only the next start does. */
  readonly reload: "live" | "start";
}

/** A variable whose changes a reload applies. @param defaultText as in `Variable.default` */
export function live<T>(kind: Kind<T>, defaultText: string, doc: string): Variable<T> {
  return { kind, default: defaultText, doc, reload: "live" };
}

/** A variable whose changes wait for the next start. @param defaultText as in `Variable.default` */
export function atStart<T>(kind: Kind<T>, defaultText: string, doc: string): Variable<T> {
  return { kind, default: defaultText, doc, reload: "start" };
}

/** A count or a limit on one. */
export const COUNT = integer(1, 10_000_000);
