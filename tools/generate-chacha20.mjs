// Writes assembly/chacha20.ts: AssemblyScript has neither macros nor multi-value returns, so the rounds are unrolled here.
// Usage: node tools/generate-chacha20.mjs   (tools/build-core.mjs runs it; the output is kept in the tree)
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const lines = [];
const emit = (...text) => lines.push(...text);

// --- Rotations by 16 and 8 are byte permutations; by 12 and 7, two shifts. The masks come from memory, because an engine
// that knows a mask builds it anew in front of every swizzle, for lack of registers, with more shuffles than it saves.
const ROTATE_16 = "2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13";
const ROTATE_8 = "3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14";
const rotateWide = {
  16: (x) => `i8x16.shuffle(${x}, ${x}, ${ROTATE_16})`,
  12: (x) => `v128.or(i32x4.shl(${x}, 12), i32x4.shr_u(${x}, 20))`,
  8: (x) => `i8x16.swizzle(${x}, rotate8)`,
  7: (x) => `v128.or(i32x4.shl(${x}, 7), i32x4.shr_u(${x}, 25))`,
};

/** A row-wise pass waits for its own results: there rotation by 16 is a swizzle too, which is one step, not two. */
const rotateRows = { ...rotateWide, 16: (x) => `i8x16.swizzle(${x}, rotate16)` };

/** RFC 8439 2.1 on several independent [a, b, c, d] at once, step by step in turn so that their latencies overlap. */
function quarterRounds(groups, rotate = rotateWide) {
  const step = (to, from, target, bits) => [
    ...groups.map((g) => `${g[to]} = i32x4.add(${g[to]}, ${g[from]});`),
    ...groups.map((g) => `${g[target]} = v128.xor(${g[target]}, ${g[to]});`),
    ...groups.map((g) => `${g[target]} = ${rotate[bits](g[target])};`),
  ];
  return [...step(0, 1, 3, 16), ...step(2, 3, 1, 12), ...step(0, 1, 3, 8), ...step(2, 3, 1, 7)];
}

/** One Poly1305 block at `data + offset`, as in poly1305.ts: see there for the radix, its bounds and the stores. */
const poly1305Block = (offset) => [
  `h1 = <u64>load<u32>(POLY1305, H1) + <u64>load<u32>(data, ${offset + 4});`,
  `h2 = <u64>load<u32>(POLY1305, H2) + <u64>load<u32>(data, ${offset + 8});`,
  `h3 += <u64>load<u32>(data, ${offset + 12}) + 0x100000000;`,
  `h0 += <u64>load<u32>(data, ${offset});`,
  "p0 = h1 * s3 + h2 * s2 + h3 * s1 + h0 * r0;",
  "p1 = h1 * r0 + h2 * s3 + h3 * s2 + h0 * r1 + (p0 >> 32);",
  "store<u32>(POLY1305, <u32>p1, H1);",
  "p2 = h1 * r1 + h2 * r0 + h3 * s3 + h0 * r2 + (p1 >> 32);",
  "store<u32>(POLY1305, <u32>p2, H2);",
  "p3 = h1 * r2 + h2 * r1 + h3 * r0 + h0 * r3 + (p2 >> 32);",
  "h3 = p3 & 0x3ffffffff;",
  "h0 = (p0 & 0xffffffff) + (p3 >> 34) * 5;",
];

/**
 * Ten double rounds; the first `pairs` of them take in two Poly1305 blocks each, one after either half. Poly1305 is scalar
 * and bound by the multiplier, ChaCha20 by the vector units: out-of-order execution overlaps them.
 */
function rounds(columns, diagonals) {
  const loop = (head, ...body) => emit(`  ${head} {`, ...body.flat().map((line) => `    ${line}`), "  }");
  for (const i of [0, 1, 2, 3]) emit(`  const r${i} = <u64>load<u32>(POLY1305, R + ${4 * i});`);
  for (const i of [1, 2, 3]) emit(`  const s${i} = <u64>load<u32>(POLY1305, S + ${4 * i});`);
  emit("  let h0 = load<u64>(POLY1305, H0);", "  let h3 = load<u64>(POLY1305, H3);");
  emit("  let h1: u64, h2: u64, p0: u64, p1: u64, p2: u64, p3: u64;");
  emit("  let round: i32 = 0;");
  loop(
    "for (; round < pairs; round++)",
    columns,
    poly1305Block(0),
    diagonals,
    poly1305Block(16),
    "data += 32;",
  );
  loop("for (; round < 10; round++)", columns, diagonals);
  emit("  store<u64>(POLY1305, h0, H0);", "  store<u64>(POLY1305, h3, H3);");
}

/** Opens the function that makes `blocks` blocks. */
function begin(blocks) {
  const parameters = "key: usize, counter: u32, nonce: usize, out: usize, data: usize, pairs: i32";
  emit("", `export function chacha20Blocks${blocks}(${parameters}): void {`);
}

/** One block per four vectors, a vector per row of the matrix (RFC 8439 2.3). */
function rowWise(blocks) {
  const each = [...Array(blocks).keys()];
  const groups = each.map((i) => [`a${i}`, `b${i}`, `c${i}`, `d${i}`]);
  begin(blocks);
  emit("  const rotate16 = v128.load(ROTATE_16);", "  const rotate8 = v128.load(ROTATE_8);");
  emit("  // RFC 8439 2.3: the constants, the key, the counter and the nonce.");
  emit("  const row0 = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);");
  emit("  const row1 = v128.load(key);", "  const row2 = v128.load(key, 16);");
  emit("  const row3 = i32x4(counter, load<i32>(nonce), load<i32>(nonce, 4), load<i32>(nonce, 8));");
  for (const i of each) {
    emit(`  let a${i} = row0;`, `  let b${i} = row1;`, `  let c${i} = row2;`);
    emit(`  let d${i} = ${i === 0 ? "row3" : `i32x4.add(row3, i32x4(${i}, 0, 0, 0))`};`);
  }
  const turn = (row, lanes) =>
    each.map((i) => `${row}${i} = v128.shuffle<u32>(${row}${i}, ${row}${i}, ${lanes});`);
  // The diagonals become columns, and back. Row b is the last that a round finishes: it stays, the others move around it.
  rounds(
    [
      ...quarterRounds(groups, rotateRows),
      ...turn("a", "3, 0, 1, 2"),
      ...turn("d", "2, 3, 0, 1"),
      ...turn("c", "1, 2, 3, 0"),
    ],
    [
      ...quarterRounds(groups, rotateRows),
      ...turn("a", "1, 2, 3, 0"),
      ...turn("d", "2, 3, 0, 1"),
      ...turn("c", "3, 0, 1, 2"),
    ],
  );
  for (const i of each) {
    const at = (row) => (64 * i + 16 * row === 0 ? "" : `, ${64 * i + 16 * row}`);
    emit(`  v128.store(out, i32x4.add(a${i}, row0)${at(0)});`);
    emit(`  v128.store(out, i32x4.add(b${i}, row1)${at(1)});`);
    emit(`  v128.store(out, i32x4.add(c${i}, row2)${at(2)});`);
    const d = i === 0 ? "row3" : `i32x4.add(row3, i32x4(${i}, 0, 0, 0))`;
    emit(`  v128.store(out, i32x4.add(d${i}, ${d})${at(3)});`);
  }
  emit("}");
}

const COLUMNS = [0, 1, 2, 3].map((i) => [i, i + 4, i + 8, i + 12]);
const DIAGONALS = [0, 1, 2, 3].map((i) => [i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4)]);
const names = (groups) => groups.map((g) => g.map((word) => `x${word}`));
const initial = (i) =>
  [
    ...["0x61707865", "0x3320646e", "0x79622d32", "0x6b206574"].map((c) => `i32x4.splat(${c})`),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((w) => `v128.load32_splat(key, ${4 * w})`),
    "counters",
    ...[0, 1, 2].map((w) => `v128.load32_splat(nonce, ${4 * w})`),
  ][i];

/**
 * Four blocks at once, a vector per word of the state: lane i belongs to block counter + i. Sixteen vectors and their
 * temporaries are more than there are registers, so words 8 to 11, the only ones besides 0 to 3 that are never rotated, stay
 * in memory; the stores also keep the optimiser from nesting one quarter round into the next.
 */
function fourWay() {
  begin(4);
  emit("  const rotate8 = v128.load(ROTATE_8);");
  emit("  const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));");
  emit("  // RFC 8439 2.3: the constants, the key, the counter and the nonce.");
  for (let i = 0; i < 16; i++) emit(`  let x${i} = ${initial(i)};`);
  const spilled = [8, 9, 10, 11];
  const spill = (words) => words.map((w) => `v128.store(SPILLED, x${w}, ${16 * (w - 8)});`);
  const reload = (words) => words.map((w) => `x${w} = v128.load(SPILLED, ${16 * (w - 8)});`);
  const twoQuarters = (groups) => {
    const words = groups.map((g) => g[2]);
    return [...reload(words), ...quarterRounds(names(groups)), ...spill(words)];
  };
  const round = (groups) => [...twoQuarters(groups.slice(0, 2)), ...twoQuarters(groups.slice(2))];
  emit(...spill(spilled).map((line) => `  ${line}`));
  rounds(round(COLUMNS), round(DIAGONALS));
  emit(...reload(spilled).map((line) => `  ${line}`));
  emit("  // RFC 8439 2.3: the rounds are done; the original state is added.");
  for (let i = 0; i < 16; i++) emit(`  x${i} = i32x4.add(x${i}, ${initial(i)});`);
  // Four words of four blocks are a 4 x 4 matrix: transposed, each vector is 16 consecutive bytes of one block.
  for (let q = 0; q < 16; q += 4) {
    const [w0, w1, w2, w3] = [0, 1, 2, 3].map((i) => `x${q + i}`);
    const suffix = q / 4;
    emit(`  const lo01_${suffix} = v128.shuffle<u32>(${w0}, ${w1}, 0, 4, 1, 5);`);
    emit(`  const hi01_${suffix} = v128.shuffle<u32>(${w0}, ${w1}, 2, 6, 3, 7);`);
    emit(`  const lo23_${suffix} = v128.shuffle<u32>(${w2}, ${w3}, 0, 4, 1, 5);`);
    emit(`  const hi23_${suffix} = v128.shuffle<u32>(${w2}, ${w3}, 2, 6, 3, 7);`);
    const store = (block, a, b, lanes) => {
      const at = 64 * block + 4 * q;
      emit(
        `  v128.store(out, v128.shuffle<u64>(${a}_${suffix}, ${b}_${suffix}, ${lanes})${at ? `, ${at}` : ""});`,
      );
    };
    store(0, "lo01", "lo23", "0, 2");
    store(1, "lo01", "lo23", "1, 3");
    store(2, "hi01", "hi23", "0, 2");
    store(3, "hi01", "hi23", "1, 3");
  }
  emit("}");
}

emit(
  "// Generated by tools/generate-chacha20.mjs: do not edit.",
  "// ChaCha20 keystream, RFC 8439 2.3: consecutive blocks from `counter` on under the 32 bytes at `key` and the 12 at `nonce`,",
  "// 64 bytes each at `out`. Meanwhile `pairs` <= 10 pairs of whole blocks at `data` go into Poly1305.",
  'import { H0, H1, H2, H3, POLY1305, R, S } from "./poly1305";',
  "",
  `const ROTATE_16: usize = memory.data<u8>([${ROTATE_16}], 16);`,
  `const ROTATE_8: usize = memory.data<u8>([${ROTATE_8}], 16);`,
  "/** Words of the state under way, see the generator. Together with known keystream they give away half the key. */",
  "export const SPILLED: usize = memory.data(64, 16);",
);
for (const blocks of [1, 2, 3]) rowWise(blocks);
fourWay();
emit(
  "",
  "/** The block function of RFC 8439 2.3 by itself. */",
  "export function chacha20Block(key: usize, counter: u32, nonce: usize, out: usize): void {",
  "  chacha20Blocks1(key, counter, nonce, out, 0, 0);",
  "}",
);

writeFileSync(fileURLToPath(new URL("../assembly/chacha20.ts", import.meta.url)), `${lines.join("\n")}\n`);
