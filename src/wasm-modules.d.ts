/** WebAssembly as a module, in runtimes and bundlers that have that. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
