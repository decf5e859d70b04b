// SHA-256: the examples of FIPS 180-2, B.1 to B.3 (FIPS 180-4 has the same algorithm, and its examples elsewhere), and the
// digest of nothing. HMAC-SHA-256: RFC 4231 §4. Messages are ASCII, everything else is hexadecimal.

export const digests: readonly { readonly message: string; readonly digest: string }[] = [
  { message: "", digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  { message: "abc", digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
  {
    // 448 bits: padding needs a second block.
    message: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    digest: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  },
  {
    message: "a".repeat(1_000_000),
    digest: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
  },
];

export const tags: readonly {
  readonly section: string;
  readonly key: string;
  readonly data: string;
  /** Test case 5 gives the first 128 bits only. */
  readonly tag: string;
}[] = [
  {
    section: "4.2",
    key: "0b".repeat(20),
    data: "4869205468657265",
    tag: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  },
  {
    section: "4.3",
    key: "4a656665",
    data: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    tag: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  },
  {
    section: "4.4",
    key: "aa".repeat(20),
    data: "dd".repeat(50),
    tag: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
  },
  {
    section: "4.5",
    key: "0102030405060708090a0b0c0d0e0f10111213141516171819",
    data: "cd".repeat(50),
    tag: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  },
  {
    section: "4.6",
    key: "0c".repeat(20),
    data: "546573742057697468205472756e636174696f6e",
    tag: "a3b6167473100ee06e0c796c2955552b",
  },
  {
    section: "4.7",
    key: "aa".repeat(131),
    data:
      "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a" +
      "65204b6579202d2048617368204b6579204669727374",
    tag: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  },
  {
    section: "4.8",
    key: "aa".repeat(131),
    data:
      "5468697320697320612074657374207573696e672061206c6172676572207468" +
      "616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074" +
      "68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565" +
      "647320746f20626520686173686564206265666f7265206265696e6720757365" +
      "642062792074686520484d414320616c676f726974686d2e",
    tag: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  },
];
