// PROXY headers of random bytes, and all known cases with random damage: they may cause only
// ProtocolErrors, and the result must not depend on how much has arrived.

import assert from "node:assert/strict";
import { parseIp } from "../../src/core/ip_address.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { MOST_OF_HEADER, parseProxyHeader } from "../../src/net/proxy_header.ts";
import { BROKEN_HEADERS, GOOD_HEADERS } from "../support/cases/proxy_header_cases.ts";
import { forEachSeed } from "../support/fuzzing.ts";

const ROUNDS = 20_000;
const KNOWN = [
  ...Object.values(GOOD_HEADERS).map(([bytes]) => bytes),
  ...Object.values(BROKEN_HEADERS),
].map((bytes) => bytes.subarray(0, 2 * MOST_OF_HEADER));
const ODD = [0, 0x0a, 0x0d, 0x20, 0x11, 0x21, 0x30, 0x3a, 0xff];

function outcome(bytes: Uint8Array): string {
  try {
    return JSON.stringify(parseProxyHeader(bytes));
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    return "broken";
  }
}

Deno.test("damaged PROXY headers are accepted or refused, and always the same way", () => {
  let accepted = 0;
  forEachSeed(ROUNDS, (random) => {
    const bytes = KNOWN[random.below(KNOWN.length)]!.slice();
    for (let times = random.below(4); times > 0; times--) {
      bytes[random.below(bytes.length)] = random.below(2) === 0
        ? random.below(256)
        : ODD[random.below(ODD.length)]!;
    }
    const most = bytes.subarray(0, MOST_OF_HEADER);
    const known = outcome(most);
    const cut = outcome(most.subarray(0, random.below(most.length + 1)));
    assert.ok(cut === '"more"' || cut === known, `${cut} became ${known}`);
    const found = known.startsWith("{") ? JSON.parse(known) : undefined;
    if (found !== undefined) accepted++;
    if (found?.client !== undefined) assert.ok(parseIp(found.client.host) !== undefined);
    // No parser waits for more than that.
    if (most.length === MOST_OF_HEADER) assert.notEqual(known, '"more"');
  });
  assert.ok(accepted > ROUNDS / 20, `only ${accepted} were accepted`);
});
