// Objects without their undefined properties, for those who tell an absent property from an undefined
// one: libraries, records that are compared, fields of a log line.

/** Properties of T that are either absent or have a value. */
export type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** A copy without the properties that are undefined. */
export function defined<T extends object>(object: T): Defined<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
