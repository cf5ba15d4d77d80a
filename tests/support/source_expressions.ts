// The regular expressions that the program's sources hold, found by the parser of `deno lint`. Only for
// tests: Deno lets nobody else have it.

import { PROJECT_FOLDER } from "./project.ts";

/** An expression and the file it stands in, from the top of the project. */
export interface SourceExpression {
  readonly path: string;
  readonly source: string;
  readonly flags: string;
}

/** What the sources hold. */
export interface Found {
  readonly expressions: readonly SourceExpression[];
  /** Files that make expressions out of texts, which nobody can look at beforehand. */
  readonly makers: readonly string[];
}

/** Looks through `src/`, without its tests. */
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
