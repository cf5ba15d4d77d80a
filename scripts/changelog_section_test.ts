import assert from "node:assert/strict";
import { changelogSection } from "./changelog_section.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.1.0] - 2027-01-02

### Added

- One thing.

### Fixed

- Another.

## [1.0.0] - 2026-12-01

- All of it.
`;

Deno.test("a version's section is the text between its heading and the next", () => {
  assert.equal(
    changelogSection(CHANGELOG, "1.1.0"),
    "### Added\n\n- One thing.\n\n### Fixed\n\n- Another.",
  );
  assert.equal(changelogSection(CHANGELOG, "v1.0.0"), "- All of it.");
});

Deno.test("a version without a section, or with an empty one, is an error", () => {
  assert.throws(() => changelogSection(CHANGELOG, "1.1"), /Cannot find version 1\.1/);
  assert.throws(() => changelogSection(CHANGELOG, ""), /Cannot find version/);
  assert.throws(() => changelogSection(CHANGELOG, "Unreleased"), /Cannot find anything/);
});

Deno.test("the project's changelog has a section for unreleased changes", async () => {
  const changelog = await Deno.readTextFile(new URL("../CHANGELOG.md", import.meta.url));
  assert.match(changelogSection(changelog, "Unreleased"), /^### Added/);
});
