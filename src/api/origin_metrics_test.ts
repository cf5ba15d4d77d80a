import assert from "node:assert/strict";
import { answersOf } from "../../tests/support/api_desk.ts";
import { RecordedSrs, recordingOf } from "../../tests/support/recorded_srs.ts";
import { originMetrics } from "./origin_metrics.ts";

function plain(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8" } });
}

Deno.test("every sample of every exporter appears once, with its origin", async () => {
  await using one = new RecordedSrs("vid-one", "one");
  const busy = recordingOf("one")["/metrics"]!.replace("srs_streams 2", "srs_streams 70");
  await using two = new RecordedSrs("vid-two", "two", { answers: { "/metrics": busy } });
  await using off = new RecordedSrs("vid-x", "two");
  using answers = answersOf([two, off, one]);
  const lines = (await originMetrics(answers)).split("\n");
  const samples = (name: string) => lines.filter((line) => line.startsWith(`${name}{`));
  assert.deepEqual(samples("srs_streams"), [
    'srs_streams{origin="vid-one"} 2',
    'srs_streams{origin="vid-two"} 70',
  ]);
  assert.match(
    samples("srs_build_info")[0]!,
    /^srs_build_info\{origin="vid-one",server="vid-one",.*,tag="cn-edge"\} 1$/,
  );
  assert.deepEqual(samples("srs_proxy_origin_exporter_up"), [
    'srs_proxy_origin_exporter_up{origin="vid-one"} 1',
    'srs_proxy_origin_exporter_up{origin="vid-two"} 1',
    'srs_proxy_origin_exporter_up{origin="vid-x"} 0',
  ]);
  const explained = lines.filter((line) => line.startsWith("# TYPE "));
  assert.equal(new Set(explained).size, explained.length, "each is explained once");
  const recorded = recordingOf("one")["/metrics"]!.split("\n");
  for (const line of recorded.filter((line) => line.startsWith("#"))) {
    assert.ok(lines.includes(line));
  }
  assertGrouped(lines);
});

/** Asserts that the samples of one metric directly follow its explanation. */
function assertGrouped(lines: readonly string[]): void {
  const seen = new Set<string>();
  let last = "";
  for (const line of lines.filter((line) => line !== "" && !line.startsWith("#"))) {
    const name = line.slice(0, line.indexOf("{"));
    assert.ok(name === last || !seen.has(name), name);
    seen.add(last = name);
  }
}

Deno.test("one origin's bad lines do not spoil those of the others", async () => {
  const bad = [
    ...["good 1", 'with{a="b"} 2', 'escaped{a="\\"}{"} 3', 'timed{a="b",} 4 1700000000000'],
    ...[
      "",
      "# a comment",
      "1bad 2",
      "none",
      'open{a="b" 1',
      "unquoted{a=b} 1",
      'lie{origin="o"} 1',
    ],
    ...[
      "not a number",
      "word abc",
      `long{a="${"x".repeat(9_000)}"} 1`,
      'two{a="b"c="d"} 1',
      "inf +Inf",
    ],
    ...["# TYPE h histogram", 'h_bucket{le="1"} 1', "h_sum 2", "h_count 1", "exp 1e-3"],
  ];
  const answer = plain(bad.join("\n"));
  await using one = new RecordedSrs('a"b\\c', "one", { answers: { "/metrics": answer } });
  using answers = answersOf([one]);
  const label = 'origin="a\\"b\\\\c"';
  const lines = (await originMetrics(answers)).trimEnd().split("\n");
  assert.deepEqual(lines.slice(0, -3), [
    `good{${label}} 1`,
    `with{${label},a="b"} 2`,
    `escaped{${label},a="\\"}{"} 3`,
    `timed{${label},a="b",} 4 1700000000000`,
    `inf{${label}} +Inf`,
    "# TYPE h histogram",
    `h_bucket{${label},le="1"} 1`,
    `h_sum{${label}} 2`,
    `h_count{${label}} 1`,
    `exp{${label}} 1e-3`,
  ]);
});

Deno.test("explanations of different versions are not mixed", async () => {
  const text = (help: string) => plain(`# HELP m ${help}\n# TYPE m gauge\nm 1\n`);
  await using one = new RecordedSrs("a", "one", { answers: { "/metrics": text("Old words.") } });
  await using two = new RecordedSrs("b", "one", { answers: { "/metrics": text("New words.") } });
  using answers = answersOf([one, two]);
  const merged = await originMetrics(answers);
  assert.ok(merged.startsWith(
    '# HELP m Old words.\n# TYPE m gauge\nm{origin="a"} 1\nm{origin="b"} 1\n',
  ));
});
