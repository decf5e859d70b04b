/** What is in sight in a box that scrolls: it stays where it is, whatever is added and taken away around it. */

/** So near to the end, in pixels, one is at it. */
const NEAR = 40;

export class Anchor {
  /** Whether the newest is in sight, and is to stay so. */
  isAtEnd = true;
  #scrollTop = 0;
  #scrollHeight = 0;
  /** The first in sight of the rows that stay where they are among the others, and where it was. */
  #row: { readonly element: Element; readonly top: number } | undefined;

  /**
   * To be called whenever somebody has scrolled.
   * @param isNewest whether the last row is the newest that there is
   */
  note(box: HTMLElement, list: HTMLElement, isNewest: boolean): void {
    this.isAtEnd = isNewest && isNear(box.scrollHeight, box);
    this.#measure(box, list);
  }

  #measure(box: HTMLElement, list: HTMLElement): void {
    this.#scrollTop = box.scrollTop;
    this.#scrollHeight = box.scrollHeight;
    const { top } = box.getBoundingClientRect();
    let element = firstBelow(list, top);
    // Days and the like may be elsewhere when there is more.
    while (element !== null && !element.hasAttribute("data-position")) element = element.nextElementSibling;
    this.#row = element === null ? undefined : { element, top: element.getBoundingClientRect().top };
  }

  /** To be called whenever the rows have changed, before they are painted. */
  stay(box: HTMLElement, list: HTMLElement): void {
    // Who has scrolled since is there already, and it is told of in the next frame only.
    const by = box.scrollTop - this.#scrollTop;
    if (by < 0 && this.isAtEnd)
      this.isAtEnd = isNear(this.#scrollHeight, box) || isNear(box.scrollHeight, box);
    if (this.isAtEnd) box.scrollTop = box.scrollHeight;
    else if (this.#row?.element.isConnected) {
      box.scrollTop += this.#row.element.getBoundingClientRect().top - (this.#row.top - by);
    }
    this.#measure(box, list);
  }
}

function isNear(scrollHeight: number, { scrollTop, clientHeight }: HTMLElement): boolean {
  return scrollHeight - clientHeight - scrollTop < NEAR;
}

/** The first row that ends below a line. */
function firstBelow(list: HTMLElement, line: number): Element | null {
  const rows = list.children;
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.getBoundingClientRect().bottom > line) high = middle;
    else low = middle + 1;
  }
  return rows[low] ?? null;
}

/** The position of the last row that is in sight to its end, or above that; rows have it as `data-position`. */
export function lastSeen(box: HTMLElement, list: HTMLElement): number | undefined {
  const next = firstBelow(list, box.getBoundingClientRect().bottom + 1);
  let row = next === null ? list.lastElementChild : next.previousElementSibling;
  while (row !== null && !row.hasAttribute("data-position")) row = row.previousElementSibling;
  return row === null ? undefined : Number(row.getAttribute("data-position"));
}
