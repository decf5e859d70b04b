/** The end of a text, looked at from its end: an expression that ends in `$` looks on from each character in turn. */

/**
 * Where the characters of a kind begin that a text ends in; its length if it ends in none.
 * @param kind of one character, with the flag `u`
 */
export function tailOf(text: string, kind: RegExp): number {
  let begin = text.length;
  while (begin > 0) {
    const isPair = begin > 1 && text.codePointAt(begin - 2)! > 0xffff;
    const before = begin - (isPair ? 2 : 1);
    if (!kind.test(text.slice(before, begin))) break;
    begin = before;
  }
  return begin;
}
