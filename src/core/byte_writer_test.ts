import { deepStrictEqual } from "node:assert/strict";
import { ByteWriter } from "./byte_writer.ts";

Deno.test("ByteWriter grows in the middle of every kind of value", () => {
  const write: Record<string, [(out: ByteWriter) => ByteWriter, number[]]> = {
    u8: [(out) => out.u8(1), [1]],
    u16: [(out) => out.u16(0x0102), [1, 2]],
    u24: [(out) => out.u24(0x010203), [1, 2, 3]],
    u32: [(out) => out.u32(0xfffefdfc), [255, 254, 253, 252]],
    u32LittleEndian: [(out) => out.u32LittleEndian(1), [1, 0, 0, 0]],
    f64: [(out) => out.f64(1), [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]],
    bytes: [(out) => out.bytes(Uint8Array.of(7, 8)), [7, 8]],
    text16: [(out) => out.text16("é"), [0, 2, 0xc3, 0xa9]],
  };
  for (const [name, [put, expected]] of Object.entries(write)) {
    for (let capacity = 0; capacity < 10; capacity++) {
      const filled = put(new ByteWriter(capacity).u8(9));
      deepStrictEqual([...filled.finish()], [9, ...expected], name);
    }
  }
});
