// Writes assembly/chacha20.ts: AssemblyScript has neither macros nor multi-value returns, so the rounds are unrolled here.
// Usage: node tools/generate-chacha20.mjs   (tools/build.mjs runs it; the output is kept in the tree)
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const lines = [];
const emit = (...text) => lines.push(...text);

// --- Rotations. By 16 a shuffle (engines know it as two half-word shuffles), by 8 a swizzle whose mask sits in a
// local; by 12 and 7 there is no byte permutation, so two shifts.
const ROTATE_16 = "2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13";
const ROTATE_8 = "3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14";
const rotate = {
  16: (x) => `i8x16.shuffle(${x}, ${x}, ${ROTATE_16})`,
  12: (x) => `v128.or(i32x4.shl(${x}, 12), i32x4.shr_u(${x}, 20))`,
  8: (x) => `i8x16.swizzle(${x}, rotate8)`,
  7: (x) => `v128.or(i32x4.shl(${x}, 7), i32x4.shr_u(${x}, 25))`,
};

/** RFC 8439 2.1 on several independent [a, b, c, d] at once, step by step in turn so that their latencies overlap. */
function quarterRounds(indent, groups) {
  const step = (to, from, target, bits) => {
    for (const g of groups) emit(`${indent}${g[to]} = i32x4.add(${g[to]}, ${g[from]});`);
    for (const g of groups) emit(`${indent}${g[target]} = v128.xor(${g[target]}, ${g[to]});`);
    for (const g of groups) emit(`${indent}${g[target]} = ${rotate[bits](g[target])};`);
  };
  step(0, 1, 3, 16);
  step(2, 3, 1, 12);
  step(0, 1, 3, 8);
  step(2, 3, 1, 7);
}

/** One block per four vectors, a vector per row of the matrix (RFC 8439 2.3). */
function rowWise(name, blocks, doc) {
  const each = [...Array(blocks).keys()];
  const groups = each.map((i) => [`a${i}`, `b${i}`, `c${i}`, `d${i}`]);
  emit("", `/** ${doc} */`);
  emit(`export function ${name}(key: usize, counter: u32, nonce: usize, out: usize): void {`);
  emit(`  const rotate8 = i8x16(${ROTATE_8});`);
  emit("  const row0 = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);");
  emit("  const row1 = v128.load(key);", "  const row2 = v128.load(key, 16);");
  emit("  const row3 = i32x4(counter, load<i32>(nonce), load<i32>(nonce, 4), load<i32>(nonce, 8));");
  for (const i of each) {
    emit(`  let a${i} = row0;`, `  let b${i} = row1;`, `  let c${i} = row2;`);
    emit(`  let d${i} = ${i === 0 ? "row3" : `i32x4.add(row3, i32x4(${i}, 0, 0, 0))`};`);
  }
  emit("  for (let round: i32 = 0; round < 20; round += 2) {");
  quarterRounds("    ", groups);
  // The diagonals become columns. Row b is the last one a round finishes, so it stays and the other three move around it.
  const turn = (row, lanes) => {
    for (const i of each) emit(`    ${row}${i} = v128.shuffle<u32>(${row}${i}, ${row}${i}, ${lanes});`);
  };
  turn("a", "3, 0, 1, 2");
  turn("d", "2, 3, 0, 1");
  turn("c", "1, 2, 3, 0");
  quarterRounds("    ", groups);
  turn("a", "1, 2, 3, 0");
  turn("d", "2, 3, 0, 1");
  turn("c", "3, 0, 1, 2");
  emit("  }");
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

/** Four blocks at once, a vector per word of the state: lane i belongs to block counter + i. */
function fourWay() {
  emit("", "/** Four consecutive blocks, 256 bytes. */");
  emit("export function chacha20Blocks4(key: usize, counter: u32, nonce: usize, out: usize): void {");
  emit(`  const rotate8 = i8x16(${ROTATE_8});`);
  emit("  const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));");
  for (let i = 0; i < 16; i++) emit(`  let x${i} = ${initial(i)};`);
  emit("  for (let round: i32 = 0; round < 20; round += 2) {");
  quarterRounds("    ", names(COLUMNS));
  quarterRounds("    ", names(DIAGONALS));
  emit("  }");
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
  "// ChaCha20 keystream, RFC 8439 2.3: `key` is 32 bytes, `nonce` 12, `out` gets 64 bytes a block, from `counter` on.",
);
rowWise("chacha20Block", 1, "One block (RFC 8439 2.3), 64 bytes.");
rowWise("chacha20Blocks2", 2, "Two consecutive blocks, 128 bytes.");
rowWise("chacha20Blocks3", 3, "Three consecutive blocks, 192 bytes.");
fourWay();

writeFileSync(fileURLToPath(new URL("../assembly/chacha20.ts", import.meta.url)), `${lines.join("\n")}\n`);
