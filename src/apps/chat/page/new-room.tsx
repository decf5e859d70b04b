/** @jsxImportSource preact */
/** Making a room. */
import type { VNode } from "preact";
import { useId, useState } from "preact/hooks";
import type { Access, ChatView, Timeline } from "../client/entry.ts";
import { Dialog, Failure, useAction } from "./dialog.tsx";

const ROOM_NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,31}$/u;

export function NewRoom({
  view,
  onShow,
  onClose,
}: {
  readonly view: ChatView;
  readonly onShow: (timeline: Timeline) => void;
  readonly onClose: () => void;
}): VNode {
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [access, setAccess] = useState<Access>("public");
  const { isBusy, failure, run } = useAction();
  const id = useId();
  const submit = (event: Event) => {
    event.preventDefault();
    run(async () => {
      const room = await view.client.createRoom(name.trim(), { topic: topic.trim(), access });
      onShow(view.timelineOf(room));
    });
  };
  const check = (field: HTMLInputElement) => {
    const isName = ROOM_NAME.test(field.value.trim());
    field.setCustomValidity(isName ? "" : "Up to 32 letters and digits, with spaces . _ and - between them.");
  };
  return (
    <Dialog title="New room" onClose={onClose}>
      <form onSubmit={submit}>
        <div class="field">
          <label for={`${id}-name`}>Name</label>
          <input
            id={`${id}-name`}
            required
            autocomplete="off"
            maxLength={32}
            value={name}
            onInput={(event) => {
              check(event.currentTarget);
              setName(event.currentTarget.value);
            }}
          />
        </div>
        <div class="field">
          <label for={`${id}-topic`}>Topic, if you like</label>
          <input
            id={`${id}-topic`}
            autocomplete="off"
            maxLength={250}
            value={topic}
            onInput={(event) => setTopic(event.currentTarget.value)}
          />
        </div>
        <div class="choice">
          <input
            type="checkbox"
            id={`${id}-access`}
            checked={access === "members"}
            aria-describedby={`${id}-hint`}
            onChange={(event) => setAccess(event.currentTarget.checked ? "members" : "public")}
          />
          <div>
            <label for={`${id}-access`}>Members only</label>
            <p class="hint" id={`${id}-hint`}>
              Others neither see nor join it, unless you add or invite them.
            </p>
          </div>
        </div>
        <Failure text={failure} />
        <button type="submit" class="primary" disabled={isBusy}>
          Make the room
        </button>
      </form>
    </Dialog>
  );
}
