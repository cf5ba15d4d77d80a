// Prints the changelog's section for one version, for release notes: `changelog_section.ts 1.2.3`.
// The format is that of Keep a Changelog.

import { say } from "./say.ts";

/**
 * The text below the heading of a version, up to the next one.
 *
 * @param version `1.2.3`, with or without a leading `v`
 * @throws Error when the changelog has no such section, or an empty one
 */
export function changelogSection(changelog: string, version: string): string {
  const wanted = version.replace(/^v/, "");
  const lines = changelog.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`## [${wanted}]`));
  if (start < 0) throw new Error(`Cannot find version ${wanted} in the changelog`);
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith("## "));
  const end = length < 0 ? lines.length : start + 1 + length;
  const section = lines.slice(start + 1, end).join("\n").trim();
  if (section === "") throw new Error(`Cannot find anything on version ${wanted} in the changelog`);
  return section;
}

if (import.meta.main) {
  try {
    say(changelogSection(await Deno.readTextFile("CHANGELOG.md"), Deno.args[0] ?? ""));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
