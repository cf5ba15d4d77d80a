// Checks Kubernetes objects against the npm package kubernetes-models: values by its validation,
// unknown fields by its types. The package has a lock file of its own, so that running the proxy
// does not install it.

import { createRequire } from "node:module";
import { PROJECT_FOLDER } from "./project.ts";

const PACKAGE = `${PROJECT_FOLDER}/tests/support/kubernetes`;

/** An object of any kind, as read from a file. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // deno-lint-ignore no-explicit-any
  readonly [field: string]: any;
}

/** Installs the package, unless it is there. */
async function install(): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--frozen"],
    cwd: PACKAGE,
    stdin: "null",
  }).output();
  if (!success) throw new Error("Cannot install kubernetes-models");
}

export async function readObjects(file: string): Promise<readonly KubernetesObject[]> {
  await install();
  const { parseAllDocuments } = createRequire(`${PACKAGE}/package.json`)("yaml");
  const documents = parseAllDocuments(await Deno.readTextFile(file));
  return documents.map((document: { toJS(): KubernetesObject }) => document.toJS());
}

/** What is wrong with these objects; empty if nothing is. */
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
