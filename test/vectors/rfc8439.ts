// Test vectors of RFC 8439, ChaCha20 and Poly1305 for IETF Protocols: §2.8.2 and Appendix A. Hexadecimal, unless
// the RFC gives text.

const zeros = (bytes: number): string => "00".repeat(bytes);
const ones = (bytes: number): string => "ff".repeat(bytes);

const JABBERWOCKY =
  "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\nAll mimsy were the borogoves,\nAnd the mome raths outgrabe.";
const JABBERWOCKY_KEY = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";

export const IETF_SUBMISSION =
  'Any submission to the IETF intended by the Contributor for publication as all or part of an IETF Internet-Draft or RFC and any statement made within the context of an IETF activity is considered an "IETF Contribution". Such statements include oral statements in IETF sessions, as well as written and electronic communications made at any time or place, which are addressed to';

/** A.1: block functions. */
export const blocks: readonly { key: string; nonce: string; counter: number; keystream: string }[] = [
  {
    key: zeros(32),
    nonce: zeros(12),
    counter: 0,
    keystream:
      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
  },
  {
    key: zeros(32),
    nonce: zeros(12),
    counter: 1,
    keystream:
      "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
  },
  {
    key: `${zeros(31)}01`,
    nonce: zeros(12),
    counter: 1,
    keystream:
      "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a" +
      "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
  },
  {
    key: `00ff${zeros(30)}`,
    nonce: zeros(12),
    counter: 2,
    keystream:
      "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca" +
      "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096",
  },
  {
    key: zeros(32),
    nonce: `${zeros(11)}02`,
    counter: 0,
    keystream:
      "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7" +
      "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d",
  },
];

/** A.2: encryption, from an initial counter on. */
export const encryptions: readonly {
  key: string;
  nonce: string;
  counter: number;
  plaintext: string;
  ciphertext: string;
}[] = [
  {
    key: zeros(32),
    nonce: zeros(12),
    counter: 0,
    plaintext: "\0".repeat(64),
    ciphertext:
      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
  },
  {
    key: `${zeros(31)}01`,
    nonce: `${zeros(11)}02`,
    counter: 1,
    plaintext: IETF_SUBMISSION,
    ciphertext:
      "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec" +
      "2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d" +
      "4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950" +
      "42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85a" +
      "d00f8449ed8f72d0d662ab052691ca66424bc86d2df80ea41f43abf937d3259d" +
      "c4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b" +
      "0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6c" +
      "cc3aaf9f3979c92b3720fc88dc95ed84a1be059c6499b9fda236e7e818b04b0b" +
      "c39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f" +
      "5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e6" +
      "98ced759c3ff9b6477338f3da4f9cd8514ea9982ccafb341b2384dd902f3d1ab" +
      "7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221",
  },
  {
    key: JABBERWOCKY_KEY,
    nonce: `${zeros(11)}02`,
    counter: 42,
    plaintext: JABBERWOCKY,
    ciphertext:
      "62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf" +
      "166d3df2d721caf9b21e5fb14c616871fd84c54f9d65b283196c7fe4f60553eb" +
      "f39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77" +
      "04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1",
  },
];

/**
 * A.3: one-time authenticators, those of whole 16-byte blocks. The others (#3 and #4, and #2 whose key makes the text
 * irrelevant) end in a partial block, which the AEAD never authenticates: it pads (§2.8).
 */
export const authenticators: readonly { number: number; key: string; data: string; tag: string }[] = [
  { number: 1, key: zeros(32), data: zeros(64), tag: zeros(16) },
  { number: 5, key: `02${zeros(31)}`, data: ones(16), tag: `03${zeros(15)}` },
  { number: 6, key: `02${zeros(15)}${ones(16)}`, data: `02${zeros(15)}`, tag: `03${zeros(15)}` },
  {
    number: 7,
    key: `01${zeros(31)}`,
    data: `${ones(16)}f0${ones(15)}11${zeros(15)}`,
    tag: `05${zeros(15)}`,
  },
  {
    number: 8,
    key: `01${zeros(31)}`,
    data: `${ones(16)}fb${"fe".repeat(15)}${"01".repeat(16)}`,
    tag: zeros(16),
  },
  { number: 9, key: `02${zeros(31)}`, data: `fd${ones(15)}`, tag: `fa${ones(15)}` },
  {
    number: 10,
    key: `01${zeros(7)}04${zeros(23)}`,
    data: `e33594d7505e43b9${zeros(8)}3394d7505e4379cd01${zeros(7)}${zeros(16)}01${zeros(15)}`,
    tag: `14${zeros(7)}55${zeros(7)}`,
  },
  {
    number: 11,
    key: `01${zeros(7)}04${zeros(23)}`,
    data: `e33594d7505e43b9${zeros(8)}3394d7505e4379cd01${zeros(7)}${zeros(16)}`,
    tag: `13${zeros(15)}`,
  },
];

/** A.4: one-time keys. */
export const oneTimeKeys: readonly { key: string; nonce: string; oneTimeKey: string }[] = [
  {
    key: zeros(32),
    nonce: zeros(12),
    oneTimeKey: "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7",
  },
  {
    key: `${zeros(31)}01`,
    nonce: `${zeros(11)}02`,
    oneTimeKey: "ecfa254f845f647473d3cb140da9e87606cb33066c447b87bc2666dde3fbb739",
  },
  {
    key: JABBERWOCKY_KEY,
    nonce: `${zeros(11)}02`,
    oneTimeKey: "965e3bc6f9ec7ed9560808f4d229f94b137ff275ca9b3fcbdd59deaad23310ae",
  },
];

/** §2.8.2 and A.5: the AEAD. */
export const aeads: readonly {
  key: string;
  nonce: string;
  additionalData: string;
  plaintext: string;
  ciphertext: string;
  tag: string;
}[] = [
  {
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "070000004041424344454647",
    additionalData: "50515253c0c1c2c3c4c5c6c7",
    plaintext:
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ciphertext:
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
      "3ff4def08e4b7a9de576d26586cec64b6116",
    tag: "1ae10b594f09e26a7e902ecbd0600691",
  },
  {
    key: JABBERWOCKY_KEY,
    nonce: "000000000102030405060708",
    additionalData: "f33388860000000000004e91",
    plaintext:
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them other than as /“work in progress./”",
    ciphertext:
      "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2" +
      "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf" +
      "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855" +
      "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4" +
      "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e" +
      "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a" +
      "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10" +
      "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29" +
      "a6ad5cb4022b02709b",
    tag: "eead9d67890cbb22392336fea1851f38",
  },
];
