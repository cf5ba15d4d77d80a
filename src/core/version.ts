// The name and version of the program, in every form needed. The version itself is written only in
// deno.json and becomes part of a compiled program, as does the commit that scripts/compile.ts finds.

import configuration from "../../deno.json" with { type: "json" };

/** The name by which the program identifies itself. */
export const signature = "srs-proxy";

/** Semantic version, such as `0.1.0`. */
export const version: string = configuration.version;

/** The commit that a compiled program was built from; empty if unknown. */
export const commit: string = Deno.build.standalone ? commitOfBuild() : "";

/** For people: `0.1.0`, and the commit if known. */
export const versionText: string = commit === "" ? version : `${version} (${commit})`;

/** The version in the shape of SRS's `GET /api/v1/versions`. */
export interface VersionNumbers {
  readonly major: number;
  readonly minor: number;
  readonly revision: number;
  readonly version: string;
}

/** The numbers of `version`; a pre-release has those of its release. */
export const versionNumbers: VersionNumbers = numbersOf(version);

function numbersOf(text: string): VersionNumbers {
  const [major = 0, minor = 0, revision = 0] = text.split(/[.+-]/, 3).map(Number);
  return { major, minor, revision, version: text };
}

function commitOfBuild(): string {
  const build: { readonly commit: string } = JSON.parse(
    Deno.readTextFileSync(`${import.meta.dirname}/../../dist/build.json`),
  );
  return build.commit;
}
