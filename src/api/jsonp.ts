// JSONP as in SRS, whose console uses it for everything: `callback` makes the answer a script, and
// `method=DELETE` with it turns a GET into a DELETE. Since any page can load a script, only pages that may
// manage get one.

import type { Address } from "../core/address.ts";
import { toProxyError } from "../core/errors.ts";
import type { Management } from "./management.ts";

type Handler = (request: Request, peer: Address) => Response | Promise<Response>;

/** Function names that SRS allows. */
const NAME = /^[\w.-]{1,64}$/;
/** Statuses that browsers must see. Any other than 200 would keep the script from running. */
const KEPT: readonly number[] = [401, 403, 429];

/** A handler that also answers with scripts, below `/api/`. */
export function answerScripts(handle: Handler, management: Management): Handler {
  return async (request, peer) => {
    const { pathname, searchParams } = new URL(request.url);
    const callback = searchParams.get("callback") ?? "";
    const isScript = pathname.startsWith("/api/") && request.method === "GET" && callback !== "";
    if (!isScript) return await handle(request, peer);
    if (!NAME.test(callback)) return refusal(400, "Cannot call a function of this name");
    let site: string | undefined;
    try {
      site = management.requireKnownPage(request);
    } catch (thrown) {
      const { httpStatus, message } = toProxyError(thrown);
      return refusal(httpStatus, message);
    }
    const asked = asPlainRequest(request, searchParams.get("method") ?? "GET", site);
    return await asScript(await handle(asked, peer), callback);
  };
}

function asPlainRequest(request: Request, wanted: string, site: string | undefined): Request {
  const headers = new Headers(request.headers);
  // The site is allowed, even if the browser named it in another field.
  if (site !== undefined) headers.set("origin", site);
  const method = wanted === "DELETE" ? "DELETE" : "GET";
  return new Request(request.url, { method, headers, signal: request.signal });
}

async function asScript(response: Response, callback: string): Promise<Response> {
  const { headers } = response;
  headers.set("content-type", "text/javascript");
  headers.set("x-content-type-options", "nosniff");
  const status = KEPT.includes(response.status) ? response.status : 200;
  return new Response(`${callback}(${await response.text()})`, { status, headers });
}

function refusal(code: number, data: string): Response {
  return Response.json({ code, data }, { status: code });
}
