// Writes the table of variables into docs/operations.md, between two marks, from the table that the
// program uses. A test fails if they differ.

import { GROUPS } from "../src/config/table.ts";

const BEGIN = "<!-- variables: written by scripts/write_variable_table.ts -->";
const END = "<!-- end of variables -->";

/** The document that contains the table. */
export const OPERATIONS_DOC = new URL("../docs/operations.md", import.meta.url);

/**
 * Returns the document with the current table between its marks.
 *
 * @throws Error when a mark is missing
 */
export function withVariableTable(document: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("Cannot find the marks of the variable table");
  return `${document.slice(0, begin + BEGIN.length)}\n\n${variableTable()}\n${document.slice(end)}`;
}

function variableTable(): string {
  const sections = GROUPS.map(({ title, variables }) => {
    const rows = Object.entries(variables).map(([name, { default: text, reload, doc }]) => [
      `\`${name}\``,
      text === "" ? "" : `\`${text}\``,
      reload,
      doc,
    ]);
    const head = ["Variable", "Default", "Reload", "Meaning"];
    return `### ${title}\n\n${markdownTable([head, ...rows])}\n`;
  });
  return sections.join("\n");
}

/** Columns are padded like the formatter does, so that formatting changes nothing. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.map((_, column) => column) ?? [];
  const widths = columns.map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill: string) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = line(head.map(() => ""), "-");
  return [line(head, " "), rule, ...body.map((row) => line(row, " "))].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(
    OPERATIONS_DOC,
    withVariableTable(await Deno.readTextFile(OPERATIONS_DOC)),
  );
}
