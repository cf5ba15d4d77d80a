// A request of the HTTP server as a web Request, for handlers that know no connections.

import type { HttpExchange } from "./exchange.ts";

/**
 * Converts the head of a request; its path stays as it was sent. A request without a usable Host is one to
 * `localhost`.
 *
 * @param rest what else it is to have, such as a body
 */
export function webRequest({ request, connection }: HttpExchange, rest: RequestInit = {}): Request {
  const { method, path, query, host, fields } = request;
  const headers = new Headers();
  for (const { name, value } of fields) headers.append(name, value);
  const scheme = connection.isSecure ? "https" : "http";
  const where = URL.canParse(`http://${host}/`) && host !== "" ? host : "localhost";
  const search = query === "" ? "" : `?${query}`;
  const url = `${scheme}://${where}${path === "*" ? "/" : path}${search}`;
  return new Request(url, { method, headers, ...rest });
}
