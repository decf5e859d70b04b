/** Asks for a line on the terminal, which shows it. */

import process from "node:process";
import { createInterface } from "node:readline";
import { ExitCode, Stopped } from "../exit.ts";
import { shown } from "../harmless.ts";

/** @throws Stopped by Ctrl-C, and by the end of the input */
export function askLine(question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const face = createInterface({ input: process.stdin, output: process.stderr });
    face.on("SIGINT", () => face.close());
    // What comes first counts.
    face.on("close", () => reject(new Stopped(ExitCode.interrupted)));
    face.question(shown`${question}: `, (answer) => {
      resolve(answer.trim());
      face.close();
    });
  });
}
