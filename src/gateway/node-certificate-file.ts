/** Certificates in a file, in Node, Deno and Bun. */
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CertificateStore } from "./certificates.ts";

const FILE = "gateway-certificates.json";

/** One file in a folder, replaced as a whole; private keys are in it, and only its owner can read it. */
export function certificateFile(folder: string): CertificateStore {
  const path = join(folder, FILE);
  return {
    async load() {
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        if ((error as { code?: unknown }).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async save(text) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      // Whatever mode a file left there had.
      await chmod(`${path}.new`, 0o600);
      await rename(`${path}.new`, path);
    },
  };
}
