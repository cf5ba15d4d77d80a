import { ProxyError } from "../core/errors.ts";

/** Reads a file of certificates or keys. @throws ProxyError `internal` with one line that says why */
export async function readPem(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProxyError("internal", `Cannot read ${path}: ${reason}`, { cause });
  }
}
