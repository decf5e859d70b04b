/** @jsxImportSource preact */
/** What can be done by the keyboard. */
import type { VNode } from "preact";
import { Dialog } from "./dialog.tsx";

const SHORTCUTS: readonly (readonly [string, readonly string[]])[] = [
  ["Find or start a conversation", ["Ctrl", "K"]],
  ["Next or previous room", ["Alt", "↓ ↑"]],
  ["Next or previous room with something new", ["Alt", "Shift", "↓ ↑"]],
  ["From rooms to messages to writing", ["F6"]],
  ["Send", ["Enter"]],
  ["New line", ["Shift", "Enter"]],
  ["Edit your last message, when nothing is written", ["↑"]],
  ["From message to message", ["↑ ↓"]],
  ["First or last message", ["Home", "End"]],
  ["Reply to the message", ["R"]],
  ["Edit the message", ["E"]],
  ["Delete the message", ["Delete"]],
  ["Back to writing; cancel a reply or an edit", ["Esc"]],
  ["This list", ["Ctrl", "/"]],
];

export function Keys({ onClose }: { readonly onClose: () => void }): VNode {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="keys">
        {SHORTCUTS.map(([what, keys]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

/** Whether keys are letters there. */
export function isInsideText(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null
  );
}
