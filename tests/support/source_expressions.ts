// Finds the regular expressions in the program's sources with the parser of `deno lint`, which Deno
// makes available only to tests.

import { PROJECT_FOLDER } from "./project.ts";

/** An expression and its file, relative to the project. */
export interface SourceExpression {
  readonly path: string;
  readonly source: string;
  readonly flags: string;
}

export interface Found {
  readonly expressions: readonly SourceExpression[];
  /** Files that build expressions from texts, which cannot be examined statically. */
  readonly makers: readonly string[];
}

/** Searches `src/`, without its tests. */
export function expressionsInSources(): Found {
  const expressions: SourceExpression[] = [];
  const makers: string[] = [];
  for (const path of sourcesBelow("src")) {
    const text = Deno.readTextFileSync(`${PROJECT_FOLDER}/${path}`);
    Deno.lint.runPlugin(collector(path, expressions, makers), path, text);
  }
  return { expressions, makers };
}

function collector(
  path: string,
  expressions: SourceExpression[],
  makers: string[],
): Deno.lint.Plugin {
  const collect: Deno.lint.Rule = {
    create: () => ({
      Literal(node) {
        if (!("regex" in node) || !node.regex) return;
        const { pattern: source, flags } = node.regex;
        expressions.push({ path, source, flags });
      },
      NewExpression({ callee }) {
        if (isMaker(callee)) makers.push(path);
      },
      CallExpression({ callee }) {
        if (isMaker(callee)) makers.push(path);
      },
    }),
  };
  return { name: "sources", rules: { collect } };
}

function isMaker(callee: Deno.lint.Expression): boolean {
  return callee.type === "Identifier" && callee.name === "RegExp";
}

function* sourcesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${PROJECT_FOLDER}/${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sourcesBelow(path);
    else if (/\.tsx?$/.test(name) && !/_test\.tsx?$/.test(name)) yield path;
  }
}
