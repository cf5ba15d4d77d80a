// Judges Kubernetes objects by the schemas of the npm package kubernetes-models: values when they are
// validated, unknown fields when its types are checked. Locked apart: whoever only runs the proxy does
// not get it.

import { createRequire } from "node:module";
import { PROJECT_FOLDER } from "./project.ts";

const PACKAGE = `${PROJECT_FOLDER}/tests/support/kubernetes`;

/** An object as it stands in a file, of any kind. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // deno-lint-ignore no-explicit-any
  readonly [field: string]: any;
}

/** Fetches the package, unless it is there. */
async function install(): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--frozen"],
    cwd: PACKAGE,
    stdin: "null",
  }).output();
  if (!success) throw new Error("Cannot install kubernetes-models");
}

/** The objects of a file. */
export async function readObjects(file: string): Promise<readonly KubernetesObject[]> {
  await install();
  const { parseAllDocuments } = createRequire(`${PACKAGE}/package.json`)("yaml");
  const documents = parseAllDocuments(await Deno.readTextFile(file));
  return documents.map((document: { toJS(): KubernetesObject }) => document.toJS());
}

/** What is wrong with these objects; empty when nothing is. */
export async function faultsOf(objects: readonly KubernetesObject[]): Promise<string> {
  await install();
  const lines = objects.map(({ apiVersion, kind, ...fields }, at) => {
    const text = JSON.stringify(fields);
    return `import { ${kind} as Kind${at} } from "kubernetes-models/${apiVersion}";
new Kind${at}(${text}).validate();\n`;
  });
  const file = `${PACKAGE}/checked_${crypto.randomUUID()}.ts`;
  await Deno.writeTextFile(file, lines.join(""));
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--check", "--no-lock", "--allow-env", file],
      cwd: PACKAGE,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return success ? "" : new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(file);
  }
}
