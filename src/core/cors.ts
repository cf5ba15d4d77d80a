// The CORS fields that let pages of other web sites read an answer, as far as they depend on the site.
// Knows no methods and no paths. WHATWG Fetch, section 3.2.

export interface CorsField {
  readonly name: string;
  readonly value: string;
}

/**
 * Whether pages of a site may read an answer, and the fields that say so.
 *
 * @param site the Origin field of the request
 * @param allowed web origins; empty means all
 * @param access further fields for those that may read
 */
export function corsFor(
  site: string | undefined,
  allowed: readonly string[],
  access: readonly CorsField[],
): CorsField[] {
  const isOpen = allowed.length === 0;
  const vary = { name: "Vary", value: "Origin" };
  if (isOpen) return [{ name: "Access-Control-Allow-Origin", value: "*" }, ...access];
  if (site === undefined || !allowed.includes(site)) return [vary];
  return [{ name: "Access-Control-Allow-Origin", value: site }, ...access, vary];
}
