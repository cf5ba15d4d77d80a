// What an entry of the table of variables is.

import type { Kind } from "./config_kinds.ts";

/** One variable; an empty one counts as not set. */
export interface Variable<T> {
  readonly kind: Kind<T>;
  /** Text of the same kind as the variable's own; may be empty only if the kind takes that. */
  readonly default: string;
  /** One line for `--help` and the docs. */
  readonly doc: string;
}

/** An entry. */
export function variable<T>(kind: Kind<T>, defaultText: string, doc: string): Variable<T> {
  return { kind, default: defaultText, doc };
}
