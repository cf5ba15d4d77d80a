// Parses and builds the address of a page of the console: `#/streams?q=news`. Plain text in and out.

/** The page shown. */
export interface Route {
  /** The first part: `streams`; empty for the overview. */
  readonly page: string;
  /** The rest, decoded: the key of a stream, the id of an origin; empty for a list. */
  readonly name: string;
  readonly params: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [page = "", ...rest] = path.split("/");
  return { page, name: decoded(rest.join("/")), params: new URLSearchParams(query) };
}

/** A link to a page. */
export function routeTo(
  page: string,
  name = "",
  params: Readonly<Record<string, string>> = {},
): string {
  const given = Object.entries(params).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  const path = name === "" ? page : `${page}/${encodeURIComponent(name)}`;
  return `#/${path}${query === "" ? "" : `?${query}`}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
