import assert from "node:assert/strict";
import { parseDotEnv } from "./dotenv.ts";

function valueOf(line: string): string | undefined {
  const { variables, problems } = parseDotEnv(line);
  assert.deepEqual(problems, [], line);
  return variables.get("NAME");
}

Deno.test("every notation of a value is understood", () => {
  const cases: [string, string][] = [
    ["NAME=value", "value"],
    ["  NAME = value  ", "value"],
    ["export NAME=value", "value"],
    ["\ufeffNAME=value", "value"],
    ["NAME=", ""],
    ["NAME=two words", "two words"],
    ["NAME=value # comment", "value"],
    ["NAME=# comment", ""],
    ["NAME=a#b", "a#b"],
    ["NAME=a=b", "a=b"],
    ["NAME='single # \\n $X'", "single # \\n $X"],
    ['NAME="double # \\"x\\" \\\\ \\n"', 'double # "x" \\ \n'],
    ['NAME="value" # comment', "value"],
    ["NAME=''", ""],
    ["NAME=it's", "it's"],
  ];
  for (const [line, value] of cases) assert.equal(valueOf(line), value, line);
});

Deno.test("the last setting wins, past comments, empty lines and either line break", () => {
  const text = "# NAME=no\r\n\r\nNAME=first\n\n  # more\n; and more\nOTHER=1\r\nNAME=last\r\n";
  const { variables, problems } = parseDotEnv(text);
  assert.deepEqual([...variables], [["NAME", "last"], ["OTHER", "1"]]);
  assert.deepEqual(problems, []);
});

Deno.test("a malformed line is named by its number, without the value", () => {
  const text = 'GOOD=1\nsecret\n=secret\n1NAME=secret\nNAME=\'secret\nNAME="secret" x\nLAST=2';
  const { variables, problems } = parseDotEnv(text);
  assert.deepEqual([...variables], [["GOOD", "1"], ["LAST", "2"]]);
  assert.deepEqual(problems.map(({ line }) => line), [2, 3, 4, 5, 6]);
  for (const { message } of problems) assert.ok(!message.includes("secret"), message);
});
