// Checks the files and folders that a configuration names before anything is opened. Does not look at
// their contents.

import type { Config } from "./config.ts";

/** Files that cannot be read, one line each, beginning with the name of the variable. */
export async function findUnreadable({ staticFiles, registry, redis }: Config): Promise<string[]> {
  const { ca, certificate, key } = registry.type === "redis" ? redis.access.tls ?? {} : {};
  const found = await Promise.all([
    tryReading("PROXY_STATIC_FILES", staticFiles, readFolder),
    tryReading("PROXY_REDIS_TLS_CA", ca, readFile),
    tryReading("PROXY_REDIS_TLS_CERT", certificate, readFile),
    tryReading("PROXY_REDIS_TLS_KEY", key, readFile),
  ]);
  return found.flat();
}

async function tryReading(
  name: string,
  path: string | undefined,
  read: (path: string) => Promise<void>,
): Promise<string[]> {
  if (path === undefined) return [];
  try {
    await read(path);
    return [];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [`${name}: Cannot read it: ${reason.split(":", 1)[0]}: current value is ${path}`];
  }
}

async function readFolder(path: string): Promise<void> {
  for await (const _ of Deno.readDir(path)) break;
}

async function readFile(path: string): Promise<void> {
  using file = await Deno.open(path);
  await file.read(new Uint8Array(1));
}
