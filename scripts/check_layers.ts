// Checks rules that no compiler checks: which layer may import which, no import cycles, protocol
// code without input or output, short files, meaningful names, no unused exports. Works on text
// only; scanning import statements is enough, because the formatter keeps them uniform.

import { findUnusedExports } from "./unused_exports.ts";

import { findClocks } from "./check_clocks.ts";

const MAX_LINES = 400;

interface Layer {
  readonly imports: readonly string[];
  /** Names from deno.json's imports. */
  readonly packages: readonly string[];
}

const UNDER_LANES = ["core", "net", "http1", "relay", "config"];

/** What each layer, a folder under src/, may import. */
const LAYERS: Readonly<Record<string, Layer>> = {
  core: { imports: ["core"], packages: ["@logtape/logtape", "@noble/hashes"] },
  protocol: { imports: ["core", "protocol"], packages: [] },
  net: { imports: ["core", "net"], packages: [] },
  http1: { imports: ["core", "protocol", "net", "http1"], packages: [] },
  registry: { imports: ["core", "registry"], packages: ["@redis/client"] },
  relay: { imports: ["core", "protocol", "net", "http1", "relay"], packages: [] },
  api: { imports: ["core", "api"], packages: ["hono", "prom-client", "valibot"] },
  console: {
    imports: ["console"],
    packages: ["preact", "mpegts.js", "hls.js", "uplot", "eventsource-parser"],
  },
  lane: { imports: [...UNDER_LANES, "lane"], packages: [] },
  config: { imports: ["core", "config"], packages: [] },
  app: {
    imports: [...UNDER_LANES, "registry", "api", "lane", "console", "app"],
    packages: [],
  },
  process: { imports: ["core", "config", "app", "process"], packages: [] },
};

/** The folder of src/relay/ that every relay may use. */
const SHARED_BY_RELAYS = "udp";

const STATIC_IMPORT = /^(?:import|export)\b[^;"]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*"([^"]+)"\s*[,)]/g;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;
const IMPURE =
  /\b(async|await|setTimeout|setInterval|queueMicrotask)\b|\bDeno\.\w+|"node:\w+"|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/;
const VAGUE_NAME = /(?:^|[_/])(utils?|helpers?|managers?|misc|common)(?=[_./]|$)/;

/**
 * Finds everything that breaks the rules.
 *
 * @param sources the text of every source file, by its path in the repository
 * @returns one line for each, beginning with the path
 */
export function findViolations(sources: ReadonlyMap<string, string>): string[] {
  const violations: string[] = [];
  const graph = new Map<string, readonly string[]>();
  for (const [path, text] of sources) {
    violations.push(...checkFile(path, text));
    if (!path.startsWith("src/") || path.endsWith("_test.ts")) continue;
    const imported = importsOf(text);
    violations.push(...imported.flatMap((specifier) => checkImport(path, specifier)));
    graph.set(path, imported.filter(isRelative).map((specifier) => resolve(path, specifier)));
  }
  return [...violations, ...findCycles(graph)];
}

function checkFile(path: string, text: string): string[] {
  const violations: string[] = [];
  const lines = text.split("\n").length - 1;
  if (lines > MAX_LINES) {
    violations.push(`${path}: Cannot be longer than ${MAX_LINES} lines: current value is ${lines}`);
  }
  const vague = VAGUE_NAME.exec(path)?.[1];
  if (vague) violations.push(`${path}: Cannot be called ${vague}: say what it holds`);
  const layer = /^src\/([^/]+)/.exec(path)?.[1];
  if (layer !== undefined && !(layer in LAYERS)) {
    violations.push(`${path}: Cannot lie there: no layer is called ${layer}`);
  }
  const remote = importsOf(text).find((specifier) => /^(jsr|https?):/.test(specifier));
  if (remote) violations.push(`${path}: Cannot import ${remote}: only npm packages are allowed`);
  const isProtocol = path.startsWith("src/protocol/") && !path.endsWith("_test.ts");
  const impure = isProtocol ? IMPURE.exec(text.replace(COMMENT, ""))?.[0] : undefined;
  if (impure) violations.push(`${path}: Cannot use ${impure}: protocol does no input or output`);
  return violations;
}

function checkImport(path: string, specifier: string): string[] {
  const from = path.split("/")[1] ?? "";
  const layer = LAYERS[from];
  if (!layer) return [];
  if (!isRelative(specifier)) {
    const name = packageOf(specifier);
    if (specifier.startsWith("node:") || layer.packages.includes(name)) return [];
    return [`${path}: Cannot import ${name}: ${from} may use only ${listOf(layer.packages)}`];
  }
  const target = resolve(path, specifier);
  // It contains the program's name and version.
  if (target === "deno.json") return [];
  const to = target.split("/")[1] ?? "";
  if (!target.startsWith("src/") || !layer.imports.includes(to)) {
    return [`${path}: Cannot import ${target}: ${from} may import only ${listOf(layer.imports)}`];
  }
  const relay = relayOf(target);
  if (from === "relay" && ![undefined, SHARED_BY_RELAYS, relayOf(path)].includes(relay)) {
    return [`${path}: Cannot import ${target}: relays do not import each other`];
  }
  return [];
}

function importsOf(text: string): string[] {
  const found = [...text.matchAll(STATIC_IMPORT), ...text.matchAll(DYNAMIC_IMPORT)];
  return found.map((match) => match[1] ?? match[2] ?? "");
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith(".");
}

function packageOf(specifier: string): string {
  const depth = specifier.startsWith("@") ? 2 : 1;
  return specifier.split("/").slice(0, depth).join("/");
}

/** The protocol whose relay the file belongs to; undefined if it is shared. */
function relayOf(path: string): string | undefined {
  const [, layer, folder, file] = path.split("/");
  return layer === "relay" && file !== undefined ? folder : undefined;
}

function listOf(names: readonly string[]): string {
  return names.length > 0 ? names.join(", ") : "none";
}

function resolve(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** Finds every cycle once, as a chain of files. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, chain: readonly string[]): void => {
    const start = chain.indexOf(path);
    if (start >= 0) {
      cycles.push(
        `${path}: Cannot import in a circle: ${[...chain.slice(start), path].join(" → ")}`,
      );
    } else if (!done.has(path)) {
      for (const target of graph.get(path) ?? []) visit(target, [...chain, path]);
      done.add(path);
    }
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

/** Reads every TypeScript file under these files and folders of a directory. */
export async function readSources(
  directory: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  const read = async (path: string): Promise<void> => {
    if (path.endsWith("/node_modules")) return;
    const full = `${directory}/${path}`;
    if ((await Deno.stat(full)).isDirectory) {
      for await (const entry of Deno.readDir(full)) await read(`${path}/${entry.name}`);
    } else if (/\.tsx?$/.test(path)) {
      sources.set(path, await Deno.readTextFile(full));
    }
  };
  for (const name of names) await read(name);
  return sources;
}

if (import.meta.main) {
  const top = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const sources = await readSources(top, ["main.ts", "src", "scripts", "tests"]);
  const { unused, testsOnly } = findUnusedExports(sources);
  const violations = [
    ...findViolations(sources),
    ...findClocks(sources),
    ...unused.map((name) => `${name}: Cannot export what nobody imports`),
  ];
  const report = violations.length > 0 ? violations.toSorted() : [
    ...testsOnly.map((name) => `${name}: used by tests only`),
    "The layers are in order",
  ];
  await Deno.stdout.write(new TextEncoder().encode(`${report.join("\n")}\n`));
  if (violations.length > 0) Deno.exit(1);
}
