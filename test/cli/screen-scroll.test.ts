import { describe, expect, test } from "vitest";
import { type Blocks, Scroll } from "../../src/cli/chat/screen/scroll.ts";
import { shown } from "../../src/cli/harmless.ts";

/** Blocks named by letters, with so many rows each: `a1 a2 b1 …`. */
function blocks(sizes: Readonly<Record<string, number>>): Blocks {
  const names = Object.keys(sizes);
  return {
    count: names.length,
    keyAt: (index) => names[index]!,
    indexOf: (key) => names.indexOf(key),
    rowsAt: (index) =>
      Array.from({ length: sizes[names[index]!]! }, (_, i) => [{ text: shown`${names[index]!}${i + 1}` }]),
  };
}

function seen(scroll: Scroll, all: Blocks, height: number): string {
  return scroll
    .look(all, height)
    .rows.map(([span]) => span!.text)
    .join(" ");
}

const five = blocks({ a: 1, b: 2, c: 3, d: 1, e: 2 });

describe("what is in sight", () => {
  test("is the end, and less where there is less", () => {
    const scroll = new Scroll();
    expect(scroll.look(five, 4)).toMatchObject({ isAtBegin: false });
    expect(seen(scroll, five, 4)).toBe("c3 d1 e1 e2");
    expect(seen(scroll, five, 20)).toBe("a1 b1 b2 c1 c2 c3 d1 e1 e2");
    expect(scroll.look(five, 20).isAtBegin).toBe(true);
    expect(scroll.look(blocks({}), 4)).toEqual({ rows: [], isAtBegin: true });
  });

  test("goes up and down, and no further than there is anything", () => {
    const scroll = new Scroll();
    scroll.by(-2, five, 4);
    expect(seen(scroll, five, 4)).toBe("c1 c2 c3 d1");
    expect(scroll.isAtEnd).toBe(false);
    scroll.by(-100, five, 4);
    expect(seen(scroll, five, 4)).toBe("a1 b1 b2 c1");
    expect(scroll.look(five, 4).isAtBegin).toBe(true);
    scroll.by(1, five, 4);
    expect(seen(scroll, five, 4)).toBe("b1 b2 c1 c2");
    expect(scroll.look(five, 4).isAtBegin).toBe(false);
    scroll.by(100, five, 4);
    expect(scroll.isAtEnd).toBe(true);
  });

  test("stays where it is when something comes before and behind", () => {
    const scroll = new Scroll();
    scroll.by(-2, five, 4);
    const more = blocks({ x: 3, y: 1, a: 1, b: 2, c: 3, d: 1, e: 2, f: 5 });
    expect(seen(scroll, more, 4)).toBe("c1 c2 c3 d1");
    scroll.toEnd();
    expect(seen(scroll, more, 4)).toBe("f2 f3 f4 f5");
  });

  test("stays at the end when something comes there", () => {
    const scroll = new Scroll();
    expect(seen(scroll, five, 3)).toBe("d1 e1 e2");
    expect(seen(scroll, blocks({ d: 1, e: 2, f: 1 }), 3)).toBe("e1 e2 f1");
  });

  test("is filled when there is more room, or the rows are fewer", () => {
    const scroll = new Scroll();
    scroll.by(-100, five, 3);
    expect(seen(scroll, five, 3)).toBe("a1 b1 b2");
    expect(seen(scroll, five, 6)).toBe("a1 b1 b2 c1 c2 c3");
    expect(seen(scroll, blocks({ a: 1, b: 1, c: 1 }), 3)).toBe("a1 b1 c1");
  });

  test("is at the end when what was in sight is gone", () => {
    const scroll = new Scroll();
    scroll.by(-3, five, 3);
    expect(seen(scroll, blocks({ x: 2, y: 2 }), 3)).toBe("x2 y1 y2");
  });

  test("goes to a block, no further than needed", () => {
    const scroll = new Scroll();
    scroll.toBlock("b", five, 4);
    expect(seen(scroll, five, 4)).toBe("b1 b2 c1 c2");
    scroll.toBlock("c", five, 4);
    expect(seen(scroll, five, 4)).toBe("b2 c1 c2 c3");
    scroll.toBlock("c", five, 4);
    expect(seen(scroll, five, 4)).toBe("b2 c1 c2 c3");
    scroll.toBegin(five, 4);
    expect(seen(scroll, five, 4)).toBe("a1 b1 b2 c1");
    scroll.toBlock("nobody", five, 4);
    expect(seen(scroll, five, 4)).toBe("a1 b1 b2 c1");
  });
});
