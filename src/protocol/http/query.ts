// Parameters of a query, as text: everything else stays as it was written.

/**
 * A query without a parameter, everything else as it was, and the parameter's first value as it was
 * written.
 *
 * @param query without its mark
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
 * The value of a parameter as it was written, by the rules of SRS: the last one counts, and pairs
 * may also be parted by semicolons and commas. Empty when there is none.
 *
 * @param query without its mark
 */
export function parameterOf(query: string, name: string): string {
  const values = query.split(/[&;,]/).filter((part) => part.startsWith(`${name}=`));
  return values.at(-1)?.slice(name.length + 1) ?? "";
}
