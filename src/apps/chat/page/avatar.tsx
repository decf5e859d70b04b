/** @jsxImportSource preact */
/** Somebody's initial, in their colour, and whether they are here. */
import type { VNode } from "preact";
import type { PresenceState } from "../client/entry.ts";
import { hueOf, initialOf } from "./words.ts";

export function Avatar({
  name,
  presence,
}: {
  readonly name: string;
  readonly presence?: PresenceState;
}): VNode {
  return (
    <span class={`avatar hue-${hueOf(name)}`}>
      <span aria-hidden="true">{initialOf(name)}</span>
      {presence !== undefined && (
        <span class={`dot ${presence}`}>
          <span class="unseen">{presence}: </span>
        </span>
      )}
    </span>
  );
}
