/** Cryptography on node:crypto, synchronous and faster in Node. */
export { createNodeProvider, nodeHashes, nodeSigner } from "./node.ts";
export { nodeAes } from "./node-aes.ts";
