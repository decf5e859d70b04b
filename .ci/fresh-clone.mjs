#!/usr/bin/env node
// What a newcomer does: clones, `npm start`, opens the page, joins by the printed invitation, writes, and stops it.
// In a temporary folder, on ports that are free. Each step is a line; the last one is "N passed, N failed".
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const LIMIT_MS = 280_000;
const root = fileURLToPath(new URL("../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sealgram-clone-"));
const clone = join(folder, "clone");
const beganMs = performance.now();
let passed = 0;
let failed = 0;

async function step(what, action) {
  try {
    const result = await action();
    passed++;
    console.log(`ok     ${what}, after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
    return result;
  } catch (error) {
    failed++;
    console.log(`FAILED ${what}: ${error.message}`);
    throw error;
  }
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Processes of the clone, as Linux tells them. */
function processes() {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.filter((number) => {
    try {
      const command = readFileSync(`/proc/${number}/cmdline`, "utf8");
      return command.includes(clone) && Number(number) !== process.pid;
    } catch {
      return false;
    }
  });
}

const stop = [];
const timer = setTimeout(() => {
  console.log(`FAILED: not done after ${LIMIT_MS / 1000} s`);
  for (const end of stop) end();
}, LIMIT_MS);
try {
  await step("cloned", () => {
    execFileSync("git", ["clone", "--quiet", root, clone]);
  });
  const places = ["--listen", "udp://127.0.0.1:0", "--page", "http://127.0.0.1:0", "--public", "127.0.0.1"];
  const start = spawn(
    "npm",
    ["start", "--silent", "--", "--json", ...places, "--webtransport", "https://127.0.0.1:0"],
    { cwd: clone, stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, npm_config_loglevel: "" } },
  );
  const ended = once(start, "close");
  stop.push(() => start.kill("SIGTERM"));
  const opened = await step("open", async () => {
    for await (const line of createInterface(start.stdout)) {
      if (line.startsWith("{")) return JSON.parse(line);
    }
    throw new Error("npm start has ended");
  });
  await step("the page and what it is told of the chat", async () => {
    const page = await fetch(opened.page);
    check(page.status === 200 && (await page.text()).includes("<script"), `status ${page.status}`);
    const { link } = await (await fetch(new URL("chat.json", opened.page))).json();
    check(link === opened.link && link.includes("via=https"), link);
    const { certificateHashes } = await (await fetch(new URL(".well-known/sealgram", opened.page))).json();
    check(certificateHashes.length === 2, "no hashes of WebTransport's certificates");
  });
  await step("the owner has joined and said hello", () => {
    const output = execFileSync(
      process.execPath,
      ["dist/cli.js", "chat", opened.owner.link, "--name", "olga", "--no-password", "--plain"],
      {
        cwd: clone,
        input: "hello\n",
        encoding: "utf8",
        env: { ...process.env, XDG_CONFIG_HOME: folder },
        timeout: 60_000,
        stdio: ["pipe", "pipe", "ignore"],
      },
    );
    check(output.includes("olga: hello"), output);
  });
  await step("nothing in the clone has changed", () => {
    const changes = execFileSync("git", ["status", "--porcelain"], { cwd: clone, encoding: "utf8" });
    check(changes === "", changes);
  });
  await step("stopped, and nothing runs on", async () => {
    start.kill("SIGTERM");
    await ended;
    while (processes().length > 0) await pause(100);
  });
} catch {
  // It was said.
} finally {
  clearTimeout(timer);
  for (const end of stop) end();
  while (processes().length > 0) await pause(100);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
