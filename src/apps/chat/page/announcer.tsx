/** @jsxImportSource preact */
/** For those who do not see the messages: what comes is read out, once, and not what is looked up. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { MessageItem, Timeline } from "../client/entry.ts";
import { isNewTo } from "./rows.ts";
import { cut, plural } from "./words.ts";

/** More at a time are counted only. */
const MAX_MESSAGES = 3;
const MAX_LENGTH = 300;

export function Announcer({ timeline, user }: { readonly timeline: Timeline; readonly user: string }): VNode {
  const { items, isLoaded, room } = timeline;
  const before = useRef<number>(undefined);
  const [come, setCome] = useState<readonly string[]>([]);
  useEffect(() => {
    if (!isLoaded) return;
    const last = before.current;
    before.current = items.findLast(({ position }) => position !== undefined)?.position ?? 0;
    if (last === undefined) return;
    const others = items.filter((item) => isNewTo(item, user, last));
    if (others.length > 0) setCome(others.map(({ key }) => key));
  }, [items, isLoaded]);
  if (come.length > MAX_MESSAGES) {
    return (
      <Spoken>
        <p key={come[0]}>
          {plural(come.length, "new message")} in {room.name}
        </p>
      </Spoken>
    );
  }
  return (
    <Spoken>
      {come.map((key) => {
        // As it is by now: what was deleted is not here either.
        const item = items.findLast((each) => each.key === key);
        return item?.kind === "message" && !item.isDeleted && <p key={key}>{textOf(item)}</p>;
      })}
    </Spoken>
  );
}

function Spoken({ children }: { readonly children: ComponentChildren }): VNode {
  return (
    <div class="unseen" aria-live="polite">
      {children}
    </div>
  );
}

function textOf({ author, text, attachment }: MessageItem): string {
  const said = text.length > MAX_LENGTH ? `${cut(text, MAX_LENGTH)} …` : text;
  return `${author}: ${said || `the file ${attachment?.name}`}`;
}
