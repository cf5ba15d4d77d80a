// Reads the output of `deno info --json`: which npm packages a program may load, and which are only
// in the lock file. Runs nothing.

/** The part of the output that is used. */
interface ModuleGraph {
  readonly modules: readonly { readonly kind?: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, NpmPackage>>;
}

/** A package in the lock file. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Keys of its dependencies. */
  readonly dependencies: readonly string[];
}

/** @param json the output of `deno info --json main.ts`; packages of the lock file, by use */
export function packagesOf(json: string): { used: NpmPackage[]; unused: NpmPackage[] } {
  const { modules, npmPackages }: ModuleGraph = JSON.parse(json);
  const reached = new Set<string>();
  const reach = (key: string): void => {
    if (reached.has(key)) return;
    reached.add(key);
    npmPackages[key]?.dependencies.forEach(reach);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) reach(npmPackage);
  const used: NpmPackage[] = [];
  const unused: NpmPackage[] = [];
  for (const [key, one] of Object.entries(npmPackages)) {
    (reached.has(key) ? used : unused).push(one);
  }
  return { used, unused };
}
