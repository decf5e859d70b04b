/** @jsxImportSource preact */
/** The field to write in. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { MessageItem, Timeline } from "../client/entry.ts";
import { Icon, IconButton } from "./icons.tsx";
import { chunksOf } from "./pictures.ts";
import { cut, sizeText } from "./words.ts";

/** What is written, besides something new. */
export type Purpose =
  | { readonly kind: "new" }
  | { readonly kind: "reply"; readonly item: MessageItem }
  | { readonly kind: "edit"; readonly item: MessageItem };

const MAX_BYTES = 65_536;
const MAX_NAME_BYTES = 255;

/** What was not sent yet, of each room: it is there again when one comes back. */
const drafts = new Map<number, string>();

/** Whether the keyboard is one on the screen, whose Enter is for new lines. */
const hasTouchKeys = matchMedia("(hover: none) and (pointer: coarse)").matches;

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The ends of names that servers take: the whole of nearly all. */
function fileName(name: string): string {
  let end = name === "" ? "file" : name.replaceAll("\0", "");
  while (bytesOf(end) > MAX_NAME_BYTES) end = [...end].slice(1).join("");
  return end;
}

export function sendFiles(timeline: Timeline, files: Iterable<File>): void {
  for (const file of files) {
    timeline.sendFile(() => chunksOf(file), {
      name: fileName(file.name),
      bytes: file.size,
      ...(file.type === "" ? {} : { type: file.type }),
    });
  }
}

export function Composer({
  timeline,
  purpose,
  onPurpose,
  onEdit,
  onEditLast,
}: {
  readonly timeline: Timeline;
  readonly purpose: Purpose;
  readonly onPurpose: (purpose: Purpose | ((before: Purpose) => Purpose)) => void;
  /** Resolves to whether the server has taken it. */
  readonly onEdit: (item: MessageItem, text: string) => Promise<boolean>;
  /** Somebody wants to edit what they have said last. */
  readonly onEditLast: () => void;
}): VNode {
  const { room } = timeline;
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(drafts.get(room.id) ?? "");
  const bytes = bytesOf(text);
  const isTooLong = bytes > MAX_BYTES;
  const isEmpty = text.trim() === "";

  // Before the next key: what is typed by then is not to be replaced.
  useLayoutEffect(() => {
    setText(purpose.kind === "edit" ? purpose.item.text : (drafts.get(room.id) ?? ""));
    if (purpose.kind !== "new" || !hasTouchKeys) field.current!.focus();
  }, [purpose]);
  useLayoutEffect(() => {
    const { style } = field.current!;
    style.height = "auto";
    style.height = `${field.current!.scrollHeight}px`;
  }, [text]);

  const write = (next: string) => {
    setText(next);
    if (purpose.kind === "edit") return;
    drafts.set(room.id, next);
    if (next.trim() !== "") timeline.startTyping();
  };
  const send = () => {
    if (isEmpty || isTooLong) return;
    const content = text.trim();
    if (purpose.kind === "edit") void save(purpose.item, content);
    else {
      drafts.delete(room.id);
      setText("");
      timeline.send(content, { replyTo: purpose.kind === "reply" ? purpose.item.position : undefined });
      onPurpose({ kind: "new" });
    }
  };
  const save = async (item: MessageItem, content: string) => {
    // What could not be saved is not lost.
    if (await onEdit(item, content)) onPurpose((now) => (now === purpose ? { kind: "new" } : now));
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !hasTouchKeys) send();
    else if (event.key === "Escape" && purpose.kind !== "new") onPurpose({ kind: "new" });
    else if (event.key === "ArrowUp" && text === "" && purpose.kind === "new") onEditLast();
    else return;
    event.preventDefault();
  };
  const pasted = (event: ClipboardEvent) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    sendFiles(timeline, files);
  };
  return (
    <form
      class="composer"
      aria-label="Write"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {purpose.kind !== "new" && (
        <div class="purpose">
          <Icon name={purpose.kind} />
          <p>
            {purpose.kind === "edit" ? (
              "Editing your message"
            ) : (
              <>
                Replying to <bdi>{purpose.item.author}</bdi>:{" "}
                <span dir="auto">{cut(purpose.item.text, 200)}</span>
              </>
            )}
          </p>
          <IconButton icon="close" label="Cancel (Esc)" onClick={() => onPurpose({ kind: "new" })} />
        </div>
      )}
      <div class="writing">
        <IconButton icon="attach" label="Send files" onClick={() => picker.current!.click()} />
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Files to send"
          onChange={(event) => {
            sendFiles(timeline, [...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          aria-label={`Message to ${room.name}`}
          aria-invalid={isTooLong}
          placeholder={`Message to ${room.name}`}
          enterkeyhint={hasTouchKeys ? "enter" : "send"}
          value={text}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={pressed}
          onPaste={pasted}
        />
        <IconButton
          icon="send"
          label={purpose.kind === "edit" ? "Save" : "Send"}
          type="submit"
          class="go"
          disabled={isEmpty || isTooLong}
        />
      </div>
      <p class="too-long" role="alert">
        {isTooLong && `Too long by ${sizeText(bytes - MAX_BYTES)}. Send it as a file instead.`}
      </p>
    </form>
  );
}
