// Bounds the computing time of a wasm module: each function and each turn of a loop takes the
// number of its instructions from an exported global, `fuel`, and traps when it is used up.
//
// Fuel, unlike a timer, is the same on every machine, so an image is always drawn or never. Only
// loops and calls repeat code, so this counts at least every instruction that is executed.

const SECTION = { globals: 6, exports: 7, code: 10 };
const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  localGet: 0x20,
  localSet: 0x21,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  i64LtS: 0x53,
  i32ShrU: 0x76,
  i64Sub: 0x7d,
  i64ExtendU: 0xad,
  bulk: 0xfc,
  simd: 0xfd,
};
const I32 = 0x7f;
const I64 = 0x7e;
const NO_RESULT = 0x40;
/** `memory.copy` and `memory.fill` are one instruction each; 16 bytes of them cost one more. */
const BULK_SHIFT = 4;

/** Reads the binary format: https://webassembly.github.io/spec/core/binary/. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    if (this.at >= this.bytes.length) throw new Error("truncated module");
    return this.bytes[this.at++];
  }

  /** Unsigned LEB128 of 32 bits. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Any LEB128. */
  skipNumber() {
    while (this.byte() >= 0x80);
  }

  skipNumbers(count) {
    for (let i = 0; i < count; i += 1) this.skipNumber();
  }

  take(length) {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

function unsigned(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return [...bytes, value];
}

function signed(value) {
  const bytes = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>= 7;
    if ((value === 0 && byte < 0x40) || (value === -1 && byte >= 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

/** Moves `reader` behind the immediates of an instruction. */
function skipImmediates(reader, op) {
  if ([OP.block, OP.loop, OP.if].includes(op)) return reader.skipNumber();
  if (op === 0x0e) return reader.skipNumbers(reader.number() + 1);
  if (op === 0x11 || op === 0x13) return reader.skipNumbers(2);
  if (op === 0x1c) return void reader.take(reader.number());
  if (op === 0x42 || op === 0x41 || op === 0xd0) return reader.skipNumber();
  if (op === 0x43) return void reader.take(4);
  if (op === 0x44) return void reader.take(8);
  if (op >= 0x28 && op <= 0x3e) return reader.skipNumbers(2);
  const isIndex = [0x0c, 0x0d, 0x10, 0x12, 0x3f, 0x40, 0xd2].includes(op);
  if (isIndex || (op >= 0x20 && op <= 0x26)) return reader.skipNumber();
  const isPlain = [0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1].includes(op);
  if (isPlain || (op >= 0x45 && op <= 0xc4)) return undefined;
  throw new Error(`unknown instruction 0x${op.toString(16)}`);
}

/** Like `skipImmediates`; returns the second number of the instruction. */
function skipBulk(reader) {
  const op = reader.number();
  const counts = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
  if (op >= counts.length) throw new Error(`unknown instruction 0xfc ${op}`);
  reader.skipNumbers(counts[op]);
  return op;
}

function skipSimd(reader) {
  const op = reader.number();
  if (op <= 11 || op === 92 || op === 93) reader.skipNumbers(2);
  else if (op === 12 || op === 13) reader.take(16);
  else if (op >= 21 && op <= 34) reader.take(1);
  else if (op >= 84 && op <= 91) {
    reader.skipNumbers(2);
    reader.take(1);
  } else if (op > 0x113) throw new Error(`unknown instruction 0xfd ${op}`);
}

/** Takes the number on the stack, or a constant, from the fuel, and traps below zero. */
const check = (fuel) => [
  ...[OP.globalGet, ...fuel, OP.i64Const, 0, OP.i64LtS],
  ...[OP.if, NO_RESULT, OP.unreachable, OP.end],
];
const charge = (fuel, cost) => [
  ...[OP.globalGet, ...fuel, OP.i64Const, ...signed(cost), OP.i64Sub, OP.globalSet, ...fuel],
  ...check(fuel),
];
/** Charges for the length on the stack, and leaves it there. */
const chargeLength = (fuel, local) => [
  ...[OP.localSet, ...local, OP.globalGet, ...fuel],
  ...[OP.localGet, ...local, OP.i32Const, BULK_SHIFT, OP.i32ShrU, OP.i64ExtendU, OP.i64Sub],
  ...[OP.globalSet, ...fuel, ...check(fuel), OP.localGet, ...local],
];

/** Returns the metered instructions of a function; `local` is a new i32 of it. */
function meterCode(code, fuel, local) {
  const reader = new Reader(code);
  const entry = { at: 0, cost: 1, isLoop: true };
  const counters = [entry];
  const insertions = [entry];
  const open = [entry];
  while (open.length > 0) {
    const start = reader.at;
    const op = reader.byte();
    counters.at(-1).cost += 1;
    if (op === OP.bulk) {
      const bulk = skipBulk(reader);
      const isLong = bulk === 10 || bulk === 11;
      if (isLong) insertions.push({ at: start, bytes: chargeLength(fuel, local) });
    } else if (op === OP.simd) skipSimd(reader);
    else skipImmediates(reader, op);
    if (op === OP.block || op === OP.if) open.push({ isLoop: false });
    if (op === OP.loop) {
      const loop = { at: reader.at, cost: 1, isLoop: true };
      counters.push(loop);
      insertions.push(loop);
      open.push(loop);
    }
    if (op === OP.end && open.pop().isLoop) counters.pop();
  }
  const parts = [];
  let done = 0;
  for (const { at, cost, bytes } of insertions.sort((a, b) => a.at - b.at)) {
    parts.push(code.subarray(done, at), bytes ?? charge(fuel, cost));
    done = at;
  }
  return join([...parts, code.subarray(done)]);
}

function join(parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Returns a function's body with its size in front. */
function meterFunction(body, parameters, fuel) {
  const reader = new Reader(body);
  const groups = reader.number();
  let locals = parameters;
  for (let i = 0; i < groups; i += 1) {
    locals += reader.number();
    reader.skipNumber();
  }
  const declared = body.subarray(unsigned(groups).length, reader.at);
  const code = meterCode(body.subarray(reader.at), fuel, unsigned(locals));
  const metered = join([unsigned(groups + 1), declared, [1, I32], code]);
  return join([unsigned(metered.length), metered]);
}

/** Returns sections by id, in their order. */
function sectionsOf(bytes) {
  const reader = new Reader(bytes, 8);
  const sections = [];
  while (reader.at < bytes.length) {
    const id = reader.byte();
    sections.push({ id, content: reader.take(reader.number()) });
  }
  return sections;
}

/** Returns the number of parameters of each function type. */
function parametersOfTypes(content) {
  const reader = new Reader(content);
  return Array.from({ length: reader.number() }, () => {
    if (reader.byte() !== 0x60) throw new Error("unknown kind of type");
    const parameters = reader.number();
    reader.take(parameters);
    reader.take(reader.number());
    return parameters;
  });
}

/** Returns a vector with one more entry. */
function extended(content, entry) {
  const reader = new Reader(content);
  const count = reader.number();
  return join([unsigned(count + 1), content.subarray(reader.at), entry]);
}

/** Returns the module with its fuel: an exported global, which its user fills. */
export function meter(bytes) {
  const sections = sectionsOf(bytes);
  const content = (id) => sections.find((section) => section.id === id)?.content;
  if (content(2)) throw new Error("the module must import nothing");
  const types = parametersOfTypes(content(1));
  const functions = new Reader(content(3));
  const fuel = unsigned(new Reader(content(SECTION.globals)).number());
  const name = new TextEncoder().encode("fuel");
  const edited = sections.map(({ id, content }) => {
    const reader = new Reader(content);
    switch (id) {
      case SECTION.globals:
        return { id, content: extended(content, [I64, 1, OP.i64Const, 0, OP.end]) };
      case SECTION.exports:
        return { id, content: extended(content, [name.length, ...name, 3, ...fuel]) };
      case SECTION.code: {
        const count = reader.number();
        functions.number();
        const bodies = Array.from({ length: count }, () =>
          meterFunction(reader.take(reader.number()), types[functions.number()], fuel),
        );
        return { id, content: join([unsigned(count), ...bodies]) };
      }
      default:
        return { id, content };
    }
  });
  const parts = edited.flatMap(({ id, content }) => [[id], unsigned(content.length), content]);
  return join([bytes.subarray(0, 8), ...parts]);
}
