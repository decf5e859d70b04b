/** The implementations that can take part, and how each is built. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

export interface Peer {
  name: string;
  /** What it is, for the table. */
  version: string;
  /** Runs without being asked for. */
  byDefault: boolean;
  /** Builds what is to be built; answers the command that runs the peer. Throws with the reason if it cannot. */
  prepare(directories: Directories): Promise<string[]>;
}

export interface Directories {
  /** test/interop. */
  source: string;
  /** build/interop: everything built is kept there. */
  build: string;
}

export const PEERS: Peer[] = [
  {
    name: "sealgram",
    version: "this tree",
    byDefault: true,
    async prepare({ source, build }) {
      const { build: bundle } = await import("esbuild");
      const outfile = join(build, "sealgram.mjs");
      await bundle({
        entryPoints: [join(source, "peers/sealgram.ts")],
        outfile,
        bundle: true,
        platform: "node",
        format: "esm",
        packages: "external",
        logLevel: "warning",
      });
      return [process.execPath, outfile];
    },
  },
  rust("boringssl", "BoringSSL in boring-sys 5.4.0"),
  rust("wolfssl", "wolfSSL 5.9.4 in wolfssl-sys 5.3.0"),
  rust("dimpl", "dimpl 0.9.0"),
  {
    name: "pion",
    version: "pion/dtls main, 2026-08-22",
    byDefault: false,
    async prepare({ source, build }) {
      const output = join(build, "pion");
      await command("go", ["build", "-o", output, "."], join(source, "peers/pion"), { GOFLAGS: "-p=1" });
      return [output];
    },
  },
];

/** Our own endpoint takes part once its program is there. */
export const isPresent = (peer: Peer, source: string): boolean =>
  peer.name !== "sealgram" || existsSync(join(source, "peers/sealgram.ts"));

function rust(name: string, version: string): Peer {
  return {
    name,
    version,
    byDefault: true,
    async prepare({ source, build }) {
      const target = join(build, "cargo");
      const jobs = String(availableParallelism());
      const options = ["build", "--release", "--locked", "--jobs", jobs, "--package", `${name}-peer`];
      await command("cargo", options, join(source, "peers"), { CARGO_TARGET_DIR: target });
      return [join(target, "release", `${name}-peer`)];
    },
  };
}

/** Runs a build with its progress on standard error. */
function command(
  name: string,
  options: string[],
  cwd: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, options, {
      cwd,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(new Error(error.code === "ENOENT" ? `${name} is not installed` : error.message)),
    );
    child.on("close", (status) =>
      status === 0 ? resolve() : reject(new Error(`${name} ${options[0]} ended with status ${status}`)),
    );
  });
}
