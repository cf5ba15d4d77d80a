// Finds exports that nobody imports. A type that its own file uses may be exported anyway, as part
// of the types of other exports. Works on text only, because the formatter keeps statements
// uniform. Class members are not checked.

/** Exports that may be private, as `path: name`. */
export interface UnusedExports {
  /** Exports that no other file imports. */
  readonly unused: readonly string[];
  /** Exports of the program and of scripts that only tests import. */
  readonly testsOnly: readonly string[];
}

const DECLARED =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type) (\w+)/gm;
const LISTED = /^export (?:type )?\{([^}]*)\}/gm;
const IMPORTED = /^(?:import|export)\b(?:\s+type)?\s+([^;"]*?)\s+from\s+"(\.[^"]+)"/gm;
const LOADED = /(?:const \{([^}]*)\} = )?(?:await )?\bimport\(\s*"(\.[^"]+)"\s*\)(?:\.(\w+))?/g;

/** @param sources the text of every source file, by its path in the repository */
export function findUnusedExports(sources: ReadonlyMap<string, string>): UnusedExports {
  const users = new Map<string, string[]>();
  for (const [path, text] of sources) {
    for (const used of usesOf(path, text)) users.set(used, [...users.get(used) ?? [], path]);
  }
  const unused: string[] = [];
  const testsOnly: string[] = [];
  for (const [path, text] of sources) {
    for (const name of exportsOf(text)) {
      const by = [...users.get(`${path}: ${name}`) ?? [], ...users.get(`${path}: *`) ?? []];
      if (by.length === 0) unused.push(`${path}: ${name}`);
      else if (!isTest(path) && by.every(isTest)) testsOnly.push(`${path}: ${name}`);
    }
  }
  return { unused, testsOnly };
}

function exportsOf(text: string): string[] {
  const declared = [...text.matchAll(DECLARED)]
    .filter(([start, name = ""]) => !isTypeInUse(start, name, text))
    .map(([, name = ""]) => name);
  const listed = [...text.matchAll(LISTED)].flatMap(([, list = ""]) => {
    return wordsOf(list).map((word) => word.split(" as ").at(-1)!);
  });
  // A function with overloads is declared several times.
  return [...new Set([...declared, ...listed])];
}

function isTypeInUse(start: string, name: string, text: string): boolean {
  const isType = start.startsWith("export interface ") || start.startsWith("export type ");
  return isType && [...text.matchAll(/\w+/g)].filter(([word]) => word === name).length > 1;
}

/** What a file imports, as `path: name`; `*` for everything in a file. */
function usesOf(path: string, text: string): string[] {
  const uses: string[] = [];
  for (const [, what = "", specifier = ""] of text.matchAll(IMPORTED)) {
    const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
    uses.push(...namesIn(what, text).map((name) => `${target}: ${name}`));
  }
  for (const [, list, specifier = "", member] of text.matchAll(LOADED)) {
    const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
    const names = list === undefined ? [member ?? "*"] : wordsOf(list);
    uses.push(...names.map((name) => `${target}: ${name}`));
  }
  return uses;
}

/** The names in an import; for a namespace, the members that the file uses. */
function namesIn(what: string, text: string): string[] {
  const space = /\* as (\w+)/.exec(what)?.[1];
  if (space !== undefined) {
    // The namespace itself is passed on.
    if (new RegExp(`\\b${space}[,)]`).test(text)) return ["*"];
    const members = text.split(new RegExp(`\\b${space}\\.`)).slice(1);
    return members.map((after) => /^\w*/.exec(after)![0]);
  }
  if (what.startsWith("*")) return ["*"];
  return wordsOf(/\{([^}]*)\}/.exec(what)?.[1] ?? "").map((word) => word.split(" as ")[0]!);
}

function wordsOf(list: string): string[] {
  const words = list.split(",").map((word) => word.trim().replace(/^type /, ""));
  return words.filter((word) => word !== "");
}

function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.endsWith("_test.ts");
}
