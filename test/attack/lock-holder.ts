/** A process that takes a lock, and says whether it has it: `acquire PATH` and `release` on its input. */
import { createInterface } from "node:readline";
import { Lock } from "../../src/node-lock.ts";

let lock: Lock | undefined;

async function act(action: string, path: string): Promise<string> {
  if (action === "release") {
    await lock?.release();
    lock = undefined;
    return "released";
  }
  try {
    lock = await Lock.acquire(path);
    return "held";
  } catch (error) {
    return (error as Error).message;
  }
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const [action = "", path = ""] = line.split(" ");
  process.stdout.write(`${await act(action, path)}\n`);
}
