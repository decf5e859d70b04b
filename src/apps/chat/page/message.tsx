/** @jsxImportSource preact */
/** One message, or one thing that has happened in a room. */
import { Component, type VNode } from "preact";
import type { ChatRoom, HappeningItem, MessageItem, TimelineItem } from "../client/entry.ts";
import { Attachment } from "./attachment.tsx";
import { Avatar } from "./avatar.tsx";
import { Icon, IconButton, type IconName } from "./icons.tsx";
import { Text } from "./text.tsx";
import { clockText, cut, failureText, fullTimeText, hueOf } from "./words.ts";

export interface MessageActions {
  reply(item: MessageItem): void;
  edit(item: MessageItem): void;
  remove(item: MessageItem): void;
  retry(key: string): void;
  dismiss(key: string): void;
  /** Shows the message at a position. */
  go(position: number): void;
}

interface MessageProps {
  readonly room: ChatRoom;
  readonly item: MessageItem;
  /** The message that it answers. */
  readonly answered: TimelineItem | undefined;
  /** Whether it goes on where the one before it, of the same author, has ended. */
  readonly isContinued: boolean;
  readonly isOwn: boolean;
  readonly mayRemove: boolean;
  readonly actions: MessageActions;
}

const STATES: Readonly<Record<string, readonly [IconName, string]>> = {
  uploading: ["clock", "Sending the file"],
  sending: ["clock", "On its way"],
  stored: ["check", "Sent: the server has stored it"],
  delivered: ["checks", "Delivered to everybody"],
  read: ["checks", "Read by everybody"],
  failed: ["alert", "Not sent"],
};

/** Rendered again only when something about it is another: there are many of them. */
export class Message extends Component<MessageProps> {
  override shouldComponentUpdate(next: MessageProps): boolean {
    return (Object.keys(next) as (keyof MessageProps)[]).some((name) => next[name] !== this.props[name]);
  }

  override render(): VNode {
    return <MessageContent {...this.props} />;
  }
}

function MessageContent({
  room,
  item,
  answered,
  isContinued,
  isOwn,
  mayRemove,
  actions,
}: MessageProps): VNode {
  const { author, text, attachment, state, isDeleted } = item;
  const [icon, words] = (isDeleted ? undefined : STATES[state ?? ""]) ?? [];
  const time = (
    <time dateTime={new Date(item.timeMs).toISOString()} title={fullTimeText(item.timeMs)}>
      {clockText(item.timeMs)}
    </time>
  );
  return (
    <>
      {isContinued ? (
        <span class="gutter">{time}</span>
      ) : (
        <span class="gutter">
          <Avatar name={author} />
        </span>
      )}
      <div class="content">
        <p class={isContinued ? "unseen" : "by"}>
          <strong class={`author hue-${hueOf(author)}`}>
            <bdi>{author}</bdi>
          </strong>
          {!isContinued && time}
        </p>
        {item.replyTo !== undefined && (
          <button type="button" class="answered" tabIndex={-1} onClick={() => actions.go(item.replyTo!)}>
            <Icon name="reply" />
            <span class="unseen">In reply to </span>
            {answered?.kind === "message" ? (
              <>
                <bdi class={`author hue-${hueOf(answered.author)}`}>{answered.author}</bdi>
                <span dir="auto">
                  {answered.isDeleted
                    ? "A deleted message"
                    : cut(answered.text, 200) || answered.attachment?.name}
                </span>
              </>
            ) : (
              <span>an earlier message</span>
            )}
          </button>
        )}
        {isDeleted ? (
          <p class="text deleted">This message was deleted.</p>
        ) : (
          <>
            {text !== "" && (
              <Text text={text}>{item.isEdited && <span class="quiet edited"> (edited)</span>}</Text>
            )}
            {attachment !== undefined && (
              <Attachment
                room={room}
                attachment={attachment}
                uploadedBytes={item.uploadedBytes}
                onCancel={() => actions.dismiss(item.key)}
              />
            )}
          </>
        )}
        {state === "failed" && (
          <p class="failed" role="alert">
            {failureText(item.error)}
            <button type="button" class="link" onClick={() => actions.retry(item.key)}>
              Try again
            </button>
            <button type="button" class="link" onClick={() => actions.dismiss(item.key)}>
              Discard
            </button>
          </p>
        )}
      </div>
      <span class={`state ${state ?? ""}`} title={words}>
        {icon !== undefined && (
          <>
            <Icon name={icon} />
            <span class="unseen">{words}</span>
          </>
        )}
      </span>
      {item.position !== undefined && !isDeleted && (
        <div class="tools">
          <IconButton icon="reply" label="Reply (R)" tabIndex={-1} onClick={() => actions.reply(item)} />
          {isOwn && text !== "" && (
            <IconButton icon="edit" label="Edit (E)" tabIndex={-1} onClick={() => actions.edit(item)} />
          )}
          {mayRemove && (
            <IconButton icon="remove" label="Delete" tabIndex={-1} onClick={() => actions.remove(item)} />
          )}
        </div>
      )}
    </>
  );
}

export function Happening({ item }: { readonly item: HappeningItem }): VNode {
  const { kind, author, by, text } = item;
  const name = (of: string) => (
    <strong>
      <bdi>{of}</bdi>
    </strong>
  );
  return (
    <p class="happening">
      {name(author)} {kind === "join" && "has joined"}
      {kind === "leave" && (by === undefined ? "has left" : <>was removed by {name(by)}</>)}
      {kind === "topic" &&
        (text ? (
          <>
            has changed the topic: <bdi>{text}</bdi>
          </>
        ) : (
          "has taken the topic away"
        ))}
    </p>
  );
}
