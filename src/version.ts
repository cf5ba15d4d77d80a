// The name and the version of the program, in every shape in which somebody asks for it. The
// version itself is written down once, in deno.json, and becomes part of a compiled binary.

import configuration from "../deno.json" with { type: "json" };

/** The name under which the program answers for itself. */
export const signature = "srs-proxy";

/** Semantic version, such as `0.1.0`. */
export const version: string = configuration.version;

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
