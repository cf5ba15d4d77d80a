// The operator's console in Chromium.

import assert from "node:assert/strict";
import { say } from "../../scripts/say.ts";
import { Browser, type View } from "../support/browser.ts";
import { ConsoleSite } from "../support/console_site.ts";
import { countCalls, scrollThrough } from "../support/scrolling.ts";
import { until } from "../support/wait.ts";

const PHONE: View = { width: 360, height: 740, colorScheme: "dark" };
/** A folder for screenshots to be inspected by a person. */
const PICTURES = Deno.env.get("CONSOLE_PICTURES");
const TOKEN = "secret-of-a-test";
const SCROLL_FRAMES = 60;

async function picture(page: { screenshot(options: { path: string }): unknown }, name: string) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

Deno.test("an operator logs in with the token, and a wrong one is refused", async () => {
  await using site = await ConsoleSite.open({ token: TOKEN });
  await using browser = await Browser.open();
  const { page } = await browser.openPage(site.url());
  const field = page.getByLabel("Admin token", { exact: true });
  await field.fill("wrong");
  await picture(page, "login");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Cannot accept this request: the token is wrong").waitFor();
  await field.fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Traffic" }).waitFor();
  await page.getByRole("link", { name: "Origins", exact: true }).click();
  await page.getByRole("link", { name: "origin-1" }).waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await field.waitFor();
});

Deno.test("without a token the page says who has access", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page } = await browser.openPage(site.url());
  await page.getByText("No PROXY_ADMIN_TOKEN is set").waitFor();
});

Deno.test("an operator searches, drains, weighs and labels an origin", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(site.url("#/origins"));
  const drain = page.getByRole("button", { name: "Drain vid-1" });
  await drain.waitFor();
  await page.getByLabel("Search origins").fill("origin-1");
  await page.getByText("1 of 3 origins").waitFor();
  await drain.click();
  await page.getByText(/^No new stream goes there. Running streams stay: \d+ streams? and/)
    .waitFor();
  await picture(page, "question");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(
    (await stateOf(site, "vid-1")).state,
    "alive",
    "nothing is done without confirmation",
  );
  await drain.click();
  await page.getByRole("button", { name: "Drain", exact: true }).click();
  await page.getByRole("button", { name: "Undrain vid-1" }).waitFor();
  assert.equal((await stateOf(site, "vid-1")).state, "draining");
  await picture(page, "origins");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await page.getByRole("link", { name: "origin-1" }).click();
  const weight = page.getByLabel("Weight, 0 to 100");
  await weight.fill("30");
  await weight.press("Enter");
  await page.getByRole("button", { name: "Change weight" }).click();
  await until("the weight", async () => (await stateOf(site, "vid-1")).weight === 30);
  // Until then the rest of the page cannot be used.
  await until("the question be gone", async () => await page.getByRole("dialog").count() === 0);
  const labels = page.getByLabel("Labels", { exact: true });
  await labels.fill("gpu, news");
  await labels.press("Enter");
  await page.getByRole("button", { name: "Change labels" }).click();
  await until("the labels", async () => {
    return String((await stateOf(site, "vid-1")).labels) === "gpu,news";
  });
  await picture(page, "origin");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  assert.deepEqual(errors, []);
});

async function stateOf({ desk }: ConsoleSite, server: string) {
  const { body } = await desk.ask("GET", `/api/v1/origins/${server}`);
  return body.origin as { state: string; weight: number; labels: string[] };
}

Deno.test("an operator ends a session, and all of a stream", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(site.url("#/sessions?q=show-00003"));
  await page.getByText("4 of 42 sessions").waitFor();
  await picture(page, "sessions");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await page.getByRole("button", { name: "End the session of 192.168.0.15:40015" }).click();
  await page.getByText("A viewer of live/show-00003 over rtc is disconnected.").waitFor();
  await page.getByRole("button", { name: "End session" }).click();
  await page.getByText("3 of 41 sessions").waitFor();
  assert.deepEqual(site.kicked, ["v3"]);
  await page.goto(site.url("#/streams/__defaultVhost__%2Flive%2Fshow-00003"));
  await page.getByText("192.168.0.3:40003, rtmp").waitFor();
  await picture(page, "stream");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await page.getByRole("button", { name: "End the publisher" }).click();
  await page.getByRole("button", { name: "End session" }).click();
  await until("the publisher be ended", () => site.kicked.includes("p3"));
  await page.getByRole("button", { name: "End all sessions" }).waitFor();
  assert.deepEqual(errors, []);
});

Deno.test("rates are shown where there are any, and lists can be sorted by them", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(site.url("#/streams"));
  const first = (text: string) => {
    return page.locator(`[aria-rowindex="2"] :text-is("${text}")`).waitFor();
  };
  const sort = async (title: string) => {
    await page.getByRole("button", { name: title, exact: true }).click();
  };
  await page.getByText("12 streams").waitFor();
  await sort("Out");
  // Its three viewers get 2.5, 3.7 and 4.9 Mbit/s.
  await first("11.1 Mbit/s");
  await first("live/show-00005");
  await picture(page, "streams");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await sort("In");
  await first("9.0 Mbit/s");
  await page.goto(site.url("#/streams/__defaultVhost__%2Flive%2Fshow-00005"));
  for (const fact of ["Bit rate in8.0 Mbit/s", "Bit rate out11.1 Mbit/s"]) {
    await page.locator(`dl.facts > div:has-text("${fact}")`).waitFor();
  }
  await page.goto(site.url("#/sessions"));
  await page.getByText("42 sessions").waitFor();
  await sort("Rate");
  await first("publish rtmp");
  await first("9.0 Mbit/s");
  await page.goto(site.url("#/origins"));
  await page.getByText("3 origins").waitFor();
  await sort("Out");
  const { bit_rate_out: most } = await busiest(site);
  await first(`${(most / 1e6).toFixed(1)} Mbit/s`);
  assert.deepEqual(errors, []);
});

async function busiest({ desk }: ConsoleSite): Promise<{ readonly bit_rate_out: number }> {
  const { origins } = (await desk.ask("GET", "/api/v1/origins")).body;
  const all = origins as { readonly bit_rate_out: number }[];
  return all.reduce((one, two) => one.bit_rate_out > two.bit_rate_out ? one : two);
}

const CHARTS = ["Traffic", "Sessions", "New streams", "Failures", "Event loop lag"];
/** Those whose values are always 0 here. */
const FLAT_CHARTS = ["Sessions", "Event loop lag"];

/** The pixels of a chart's first line: what they span, and all of them as text. */
interface Line {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly points: string;
}

/** Finds the pixels that have the colour of the first line. */
const LINES = `[...document.querySelectorAll("figure")].map((figure) => {
  const canvas = figure.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--line-1").trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const [columns, rows] = [[], []];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] !== red || data[at + 1] !== green || data[at + 2] !== blue) continue;
    columns.push(at / 4 % canvas.width);
    rows.push(Math.floor(at / 4 / canvas.width));
  }
  const span = (all) => all.length === 0 ? 0 : Math.max(...all) - Math.min(...all);
  return {
    title: figure.querySelector("h2").innerText,
    width: span(columns),
    height: span(rows),
    points: rows.join(),
  };
})`;

Deno.test("the charts move, also in dark mode and on a phone", async () => {
  for (const [name, view] of [["desktop", undefined], ["phone", PHONE]] as const) {
    await using site = await ConsoleSite.open();
    await using browser = await Browser.open();
    for (let at = 0; at < 100; at++) await goOn(site, at);
    const { page, errors } = await browser.openPage(site.url(), view);
    const newStreams = page.locator("figure:has-text('New streams')");
    await until("a rate", async () => /\d\/s/.test(await newStreams.innerText()));
    const before = await newStreams.innerText();
    const drawn = await page.evaluate<readonly Line[]>(LINES);
    assert.deepEqual(drawn.map(({ title }) => title), CHARTS);
    for (const { title, width, height } of drawn) {
      assert.ok(width > 100, `the line of ${title} is ${width} pixels wide`);
      const isFlat = FLAT_CHARTS.includes(title);
      assert.equal(height < 10, isFlat, `the line of ${title} is ${height} pixels high`);
    }
    for (let at = 100; at < 130; at++) await goOn(site, at * 20);
    await until("another rate", async () => await newStreams.innerText() !== before, {
      timeout: 20_000,
    });
    for (const [at, { title, points }] of (await page.evaluate<readonly Line[]>(LINES)).entries()) {
      if (!FLAT_CHARTS.includes(title)) assert.notEqual(points, drawn[at]!.points, title);
    }
    const width = await page.evaluate("document.documentElement.scrollWidth");
    if (view) assert.equal(width, view.width);
    await picture(page, `overview-${name}`);
    assert.deepEqual(await Browser.accessibilityFaults(page), []);
    assert.deepEqual(errors, []);
  }
});

Deno.test("the charts move while one event follows the other", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page } = await browser.openPage(site.url());
  const newStreams = page.locator("figure:has-text('New streams')");
  await newStreams.waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  for (const load of [10, 20, 30]) {
    const before = await newStreams.innerText();
    for (let at = 0; at < 3; at++) await goOn(site, load);
    await until("another rate", async () => {
      site.events.tell("session_opened", { session: "any" });
      return await newStreams.innerText() !== before;
    }, { interval: 100 });
  }
});

/** Five seconds of traffic. */
async function goOn({ metrics, clock }: ConsoleSite, load: number): Promise<void> {
  const path = "untouched";
  metrics.count(
    "srs_proxy_rtmp_relay_bytes_total",
    { direction: "from_clients", path },
    load * 1e6,
  );
  metrics.count(
    "srs_proxy_rtmp_relay_bytes_total",
    { direction: "from_origins", path },
    load * 3e6,
  );
  metrics.count("srs_proxy_rtmp_sessions_opened_total", { intent: "play" }, 5);
  metrics.count("srs_proxy_registry_picks_total", {}, load);
  metrics.count("srs_proxy_rtmp_refused_total", { reason: "no_origin" }, load % 7);
  await clock.pass(5_000);
}

Deno.test("the lists fit on a phone", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  for (const name of ["origins", "streams", "sessions"]) {
    const { page, errors } = await browser.openPage(site.url(`#/${name}`), PHONE);
    await until("rows", async () => await page.getByRole("row").count() > 2);
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), PHONE.width);
    await picture(page, `phone-${name}`);
    assert.deepEqual(await Browser.accessibilityFaults(page), []);
    assert.deepEqual(errors, []);
    await page.close();
  }
});

Deno.test("changes are shown at once, through the proxy's events", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page } = await browser.openPage(site.url("#/origins"));
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByText("3 origins").waitFor();
  const lists = () =>
    page.evaluate<number>(`performance.getEntriesByType("resource")
      .filter(({ name }) => name.includes("/api/v1/origins")).length`);
  const before = await until("calm", async () => {
    const count = await lists();
    return count >= 2 && count;
  });
  await site.addOrigin(7);
  await page.getByText("4 origins").waitFor();
  // Not through the poll every five seconds.
  assert.equal(await lists(), before + 1);
});

Deno.test("500 origins, 10,000 streams and 20,000 sessions cost a frame alike", async () => {
  const crowd = { origins: 500, streams: 10_000, viewers: 10_000 };
  await using site = await ConsoleSite.open({ crowd });
  await using browser = await Browser.open();
  const lists = [
    ["origins", "500 origins", "origin-499"],
    ["streams", "10,000 streams", "show-09999"],
    ["sessions", "20,000 sessions", "show-09999"],
  ] as const;
  const costs: number[] = [];
  for (const [name, total, search] of lists) {
    const { page, errors } = await browser.openPage("about:blank");
    const load = async () => {
      await page.goto(site.url(`#/${name}`));
      await page.getByText(total, { exact: true }).waitFor();
    };
    const loading = await countCalls(page, load);
    await page.goto("about:blank");
    const all = await countCalls(page, async () => {
      await load();
      const { empty } = await scrollThrough(page, SCROLL_FRAMES);
      assert.equal(empty, 0, "rows are there when they come into view");
    });
    const rows = await page.getByRole("row").count();
    assert.ok(rows < 80, `${rows} rows exist`);
    const calls = (all - loading) / SCROLL_FRAMES;
    if (PICTURES) say(`${name}: ${loading} calls to load, ${calls} for a frame`);
    costs.push(calls);
    await picture(page, `many-${name}`);
    await page.getByLabel(`Search ${name}`).fill(search);
    await page.getByText(new RegExp(`^[12] of ${total}$`)).waitFor();
    assert.deepEqual(errors, []);
    await page.close();
  }
  // A frame replaces all rows in view, however many there are. `bench:console` measures its time.
  assert.ok(Math.max(...costs) < 12_000, `${costs} functions are called for a frame`);
  assert.ok(Math.max(...costs) < 1.3 * Math.min(...costs), `${costs} functions for a frame`);
});

Deno.test("a list can be used with only the keyboard", async () => {
  await using site = await ConsoleSite.open({ crowd: { origins: 60, streams: 1, viewers: 0 } });
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(site.url("#/origins"));
  await page.getByText("60 origins").waitFor();
  const focused = (what: string) =>
    page.evaluate<boolean>(`document.activeElement.matches("${what}")`);
  await until("the search", async () => {
    await page.keyboard.press("Tab");
    return await focused("[type=search]");
  });
  await page.keyboard.press("Tab");
  assert.ok(await focused(".table"));
  await page.keyboard.press("End");
  await page.getByRole("link", { name: "origin-59" }).waitFor();
  await page.keyboard.press("Home");
  await page.getByRole("link", { name: "origin-0", exact: true }).waitFor();
  await until("a button", async () => {
    await page.keyboard.press("Tab");
    return await focused("[aria-label='Drain vid-0']");
  });
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Drain vid-0?" }).waitFor();
  await page.keyboard.press("Escape");
  await until("no question", async () => {
    return await page.getByRole("heading", { name: "Drain vid-0?" }).count() === 0;
  });
  await until("the focus back where it was asked", () => focused("[aria-label='Drain vid-0']"));
  assert.equal((await stateOf(site, "vid-0")).state, "alive");
  assert.deepEqual(errors, []);
});

Deno.test("the routes of both APIs are shown", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(site.url("#/api"));
  await page.getByText("/api/v1/origins/{server}/drain").click();
  await page.locator("details[open] dd:has-text('Id of the origin')").waitFor();
  await page.getByText("/api/v1/clients/{id}").first().click();
  await page.locator("details[open] dd:has-text('As in the list')").waitFor();
  await picture(page, "api");
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  assert.deepEqual(errors, []);
});
