// What a variable of the configuration is. Knows no variable by name.

import { integer, type Kind } from "./kinds.ts";

/** One variable; an empty one counts as not set. */
export interface Variable<T> {
  readonly kind: Kind<T>;
  /** Text of the same kind as the variable's own; may be empty only if the kind takes that. */
  readonly default: string;
  /** One line for `--help` and the docs. */
  readonly doc: string;
  /** Whether a reload applies a change, or only the next start does. */
  readonly reload: "live" | "start";
}

/** A variable whose change a reload applies. @param defaultText as `Variable.default` */
export function live<T>(kind: Kind<T>, defaultText: string, doc: string): Variable<T> {
  return { kind, default: defaultText, doc, reload: "live" };
}

/** A variable whose change waits for the next start. @param defaultText as `Variable.default` */
export function atStart<T>(kind: Kind<T>, defaultText: string, doc: string): Variable<T> {
  return { kind, default: defaultText, doc, reload: "start" };
}

/** How many there may be of something. */
export const COUNT = integer(1, 10_000_000);
