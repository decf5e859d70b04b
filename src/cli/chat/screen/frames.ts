/** When to paint: at once, but no more than so many times a second. */
const FRAME_MS = 33;

export class Frames {
  readonly #paint: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #paintedMs = Number.NEGATIVE_INFINITY;

  constructor(paint: () => void) {
    this.#paint = paint;
  }

  /** Something looks different. */
  request(): void {
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#paintedMs + FRAME_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#paintedMs = performance.now();
      this.#paint();
    }, waitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
