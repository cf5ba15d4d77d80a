import assert from "node:assert/strict";
import type { Address } from "./address.ts";
import type { Origin, Protocol } from "./origin.ts";
import { sharedAddresses } from "./shared_addresses.ts";

function origin(id: string, more: Partial<Record<Protocol, Address[]>>): Origin {
  const endpoints = { rtmp: [], http: [], api: [], srt: [], rtc: [], ...more };
  return { id, generation: "1", deviceId: "", ip: "10.0.0.1", endpoints };
}

const at = (port: number, host = "10.0.0.1") => [{ host, port }];

Deno.test("an address shared by two origins is found, for any protocols over the same transport", () => {
  const origins = [
    origin("b", { rtmp: at(1935), rtc: at(8000) }),
    origin("a", { rtmp: at(1936), http: at(1935), rtc: at(8000) }),
    origin("c", { rtmp: at(1937), srt: at(8000) }),
  ];
  assert.deepEqual(sharedAddresses(origins), [
    { address: "tcp 10.0.0.1:1935", origins: ["a", "b"] },
    { address: "udp 10.0.0.1:8000", origins: ["a", "b", "c"] },
  ]);
});

Deno.test("one origin may use a port twice, and two the same number over TCP and UDP", () => {
  const origins = [
    origin("a", { rtmp: at(1935), http: at(8080), api: at(8080), srt: at(9000), rtc: at(9000) }),
    origin("b", { rtmp: at(9000), srt: at(1935), rtc: at(8080, "10.0.0.2") }),
  ];
  assert.deepEqual(sharedAddresses(origins), []);
});
