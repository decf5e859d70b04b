// Which packages become part of a bundle, for esbuild.
import { builtinModules } from "node:module";

/** Modules of ink's for development, and for what is done here otherwise: when a process ends, and how errors are shown. */
const REPLACED = {
  "./devtools.js": "",
  "signal-exit": "export default () => () => {};",
  "stack-utils": "export default class { static nodeInternals() { return []; } parseLine() {} }",
};

/**
 * A plugin of esbuild's that bundles packages with all that they import, and leaves all others to be imported.
 * @param names the packages
 */
export function bundledPackages(names) {
  return {
    name: "bundled packages",
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === "entry-point") return undefined;
        const isOfPackage = /[\\/]node_modules[\\/]/.test(importer);
        if (isOfPackage && Object.hasOwn(REPLACED, path)) return { path, namespace: "replaced" };
        if (/^\.{0,2}\//.test(path) || path.startsWith("node:")) return undefined;
        // Runtimes other than Node know them by this name only.
        if (builtinModules.includes(path)) return { path: `node:${path}`, external: true };
        const isBundled = isOfPackage || names.includes(/^(@[^/]+\/)?[^/]+/.exec(path)[0]);
        return isBundled ? undefined : { path, external: true };
      });
      build.onLoad({ filter: /.*/, namespace: "replaced" }, ({ path }) => ({ contents: REPLACED[path] }));
    },
  };
}
