/** The screen as its parts lie beside and below each other. */
import { Box } from "ink";
import { createElement as h, type ReactElement } from "react";
import { shown } from "../../harmless.ts";
import { type Depth, type Row, sgr } from "./style.ts";

/** All that is seen. */
export interface Scene {
  readonly columns: number;
  readonly rows: number;
  readonly depth: Depth;
  /** The rooms at the left, where there is room for them. */
  readonly rooms: readonly Row[] | undefined;
  readonly roomsWidth: number;
  readonly header: Row;
  readonly log: readonly Row[];
  /** Instead of rooms and messages: what was asked for. */
  readonly panel: readonly Row[] | undefined;
  readonly rule: Row;
  readonly composer: readonly Row[];
  readonly status: Row;
}

export function App({ scene }: { readonly scene: Scene }): ReactElement {
  const { columns, rows, depth, rooms, roomsWidth, header, log, panel, rule, composer, status } = scene;
  const topHeight = rows - composer.length - 2;
  const mainWidth = rooms === undefined ? columns : columns - roomsWidth - 1;
  const gap = rooms === undefined ? 0 : 1;
  const separator: Row[] = Array.from({ length: topHeight }, () => [
    { text: shown`│`, style: { dim: true } },
  ]);
  const lines = (what: readonly Row[], width: number, height: number) =>
    linesOf(what.map((row) => sgr(row, depth)).join("\n"), width, height);
  const side =
    rooms === undefined ? [] : [lines(rooms, roomsWidth, topHeight), lines(separator, 1, topHeight)];
  const main = h(
    Box,
    { flexDirection: "column" },
    lines([header], mainWidth, 1),
    h(Box, { marginLeft: gap }, lines(log, mainWidth - gap, topHeight - 1)),
  );
  return h(
    Box,
    { width: columns, height: rows, flexDirection: "column" },
    panel === undefined
      ? h(Box, { height: topHeight, flexShrink: 0 }, ...side, main)
      : lines(panel, columns, topHeight),
    lines([rule], columns, 1),
    lines(composer, columns, composer.length),
    lines([status], columns, 1),
  );
}

/**
 * Lines that fit already. Ink's own Text measures its text, and keeps the measures of all texts there ever were; one of a
 * given size needs no measuring.
 */
function linesOf(text: string, width: number, height: number): ReactElement {
  return h("ink-text", { style: { width, height, flexShrink: 0, textWrap: "truncate" } }, text);
}
