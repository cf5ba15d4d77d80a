import assert from "node:assert/strict";
import { VARIABLES } from "../src/config/table.ts";
import { OPERATIONS_DOC, withVariableTable } from "./write_variable_table.ts";

Deno.test("the docs contain exactly the table of variables that the program uses", async () => {
  const document = await Deno.readTextFile(OPERATIONS_DOC);
  assert.equal(
    document,
    withVariableTable(document),
    "run: deno run --allow-read --allow-write scripts/write_variable_table.ts",
  );
  for (const name of Object.keys(VARIABLES)) {
    assert.equal(document.split(`| \`${name}\``).length, 2, `${name} has one row`);
  }
});

Deno.test("the text around the table is kept, and the table is replaced", () => {
  const [begin, end] = [
    "<!-- variables: written by scripts/write_variable_table.ts -->",
    "<!-- end of variables -->",
  ];
  const written = withVariableTable(`before\n${begin}\nPREVIOUS\n${end}\nafter\n`);
  assert.ok(written.startsWith(`before\n${begin}\n\n### `));
  assert.ok(written.endsWith(`\n${end}\nafter\n`));
  assert.ok(!written.includes("PREVIOUS"));
  assert.throws(() => withVariableTable(`${end}${begin}`), /Cannot find the marks/);
});
