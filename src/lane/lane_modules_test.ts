// Which modules every lane loads and therefore holds in memory again.

import assert from "node:assert/strict";

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

/** The modules loaded with this one, without type-only imports. */
async function loadedWith(path: string): Promise<ReadonlySet<string>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", path],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const { roots, modules }: { roots: [string]; modules: Module[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const found = new Set<string>(roots);
  for (const one of found) {
    const { dependencies = [] } = modules.find(({ specifier }) => specifier === one) ?? {};
    for (const { code } of dependencies) if (code !== undefined) found.add(code.specifier);
  }
  return found;
}

Deno.test("a lane loads nothing heavy that only the main thread needs", async () => {
  const loaded = await loadedWith(new URL("lane_worker.ts", import.meta.url).pathname);
  const isForeign = (specifier: string) => !specifier.startsWith("file:");
  assert.ok(loaded.size > 100);
  assert.deepEqual(
    [...loaded].filter(isForeign).map((one) => one.replace(/@\d[\d.]*/, "")).sort(),
    [
      "node:timers",
      "npm:/@noble/hashes/hmac.js",
      "npm:/@noble/hashes/legacy.js",
      "npm:/@noble/hashes/sha2.js",
    ],
  );
});
