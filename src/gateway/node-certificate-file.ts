/** Certificates in a file, in Node, Deno and Bun. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
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
      // A file or a link that is there already may be anybody's.
      const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
      const file = await open(beside, "wx", 0o600);
      try {
        try {
          await file.writeFile(text);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(beside, path);
      } finally {
        await rm(beside, { force: true });
      }
    },
  };
}
