/** @jsxImportSource preact */
/** A button for what cannot be taken back: once more is not too much to ask. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";

export function Confirm({
  label,
  again,
  isBusy,
  onConfirm,
}: {
  readonly label: string;
  /** What the button says when it was pressed once. */
  readonly again: string;
  readonly isBusy: boolean;
  readonly onConfirm: () => void;
}): VNode {
  const [isAsked, setAsked] = useState(false);
  const pressed = ({ detail }: MouseEvent) => {
    // The second half of a double click is no answer.
    if (detail > 1) return;
    setAsked(!isAsked);
    if (isAsked) onConfirm();
  };
  return (
    <button type="button" class="danger" disabled={isBusy} onBlur={() => setAsked(false)} onClick={pressed}>
      {isAsked ? again : label}
    </button>
  );
}
