// Parameters of a query, edited as text: everything else stays as written.

/**
 * Splits a query into a parameter's first value, as written, and the rest, which is otherwise
 * unchanged.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(takeParameter("a=1&b=2&c=3", "b"), { value: "2", rest: "a=1&c=3" });
 * ```
 *
 * @param query without `?`
 */
export function takeParameter(
  query: string,
  name: string,
): { readonly value?: string; readonly rest: string } {
  const parts = query.split("&");
  const taken = parts.find((part) => part.startsWith(`${name}=`));
  if (taken === undefined) return { rest: query };
  const rest = parts.filter((part) => !part.startsWith(`${name}=`)).join("&");
  return { value: taken.slice(name.length + 1), rest };
}

/**
 * The value of a parameter as written, by SRS's rules: the last one counts, and pairs may also be
 * separated by semicolons and commas. Empty if there is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(parameterOf("app=live;app=vod", "app"), "vod");
 * ```
 *
 * @param query without `?`
 */
export function parameterOf(query: string, name: string): string {
  const values = query.split(/[&;,]/).filter((part) => part.startsWith(`${name}=`));
  return values.at(-1)?.slice(name.length + 1) ?? "";
}
