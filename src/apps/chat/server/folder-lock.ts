/** One process for a folder, and after it was killed, another. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** Folders of this process: its own number in a file is no sign of life of another. */
const held = new Set<string>();

/**
 * Takes a folder, which is made if it is not there, until the answered function is called.
 * @throws Error if a process that is alive has it, and what the file system throws
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "lock");
  const own = join(folder, `lock.${process.pid}`);
  if (held.has(file)) throw new Error(`${folder} is in use by this process`);
  writeFileSync(own, `${process.pid} ${beginning(process.pid)}`, { mode: 0o600 });
  try {
    claim(folder, file, own);
  } finally {
    rmSync(own, { force: true });
  }
  held.add(file);
  return () => {
    if (!held.delete(file)) return;
    rmSync(file, { force: true });
  };
}

function claim(folder: string, file: string, own: string): void {
  for (let tries = 0; tries < 3; tries++) {
    try {
      // The file is there with its content, or it is not there.
      linkSync(own, file);
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    }
    const [pid = "", since = ""] = readFileSync(file, "utf8").split(" ");
    if (isAlive(Number(pid), since)) throw new Error(`${folder} is in use by process ${pid}`);
    rmSync(file, { force: true });
  }
  throw new Error(`${folder} is wanted by several processes`);
}

function isAlive(pid: number, since: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
  // Numbers are given again, above all in containers.
  return beginning(pid) === since;
}

/** When a process has begun, where the system tells. */
function beginning(pid: number): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name, in parentheses, may hold anything; the 22nd field is the 20th behind it.
    return `${boot}/${status.slice(status.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return "";
  }
}
