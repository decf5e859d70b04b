/** @jsxImportSource preact */
/** A room's topic and members, and what may be done about them. */
import type { VNode } from "preact";
import { useCallback, useEffect, useId, useRef, useState } from "preact/hooks";
import type { ChatView, Member, Role, Timeline } from "../client/entry.ts";
import { Avatar } from "./avatar.tsx";
import { Confirm } from "./confirm.tsx";
import { Dialog, Failure, useAction } from "./dialog.tsx";
import { Icon, IconButton } from "./icons.tsx";
import { membersText } from "./rooms.tsx";

const RANK: Readonly<Record<Role, number>> = { member: 0, moderator: 1, owner: 2 };

export function Details({
  view,
  timeline,
  onShow,
  onInvite,
  onClose,
}: {
  readonly view: ChatView;
  readonly timeline: Timeline;
  readonly onShow: (timeline: Timeline) => void;
  readonly onInvite: () => void;
  readonly onClose: () => void;
}): VNode {
  const { room } = timeline;
  const { user } = view.client;
  const [members, setMembers] = useState<readonly Member[]>();
  const { isBusy, failure, run } = useAction({ not_found: "There is nobody of that name." });
  const load = useCallback(async () => setMembers(await room.members()), [room]);
  useEffect(() => void run(load), [load, view.connection.kind]);
  // Whoever comes or goes meanwhile is seen.
  useEffect(() => {
    let isLoading = false;
    let isOutdated = false;
    const reload = async () => {
      isOutdated = true;
      if (isLoading) return;
      isLoading = true;
      while (isOutdated) {
        isOutdated = false;
        await load().catch(() => {});
      }
      isLoading = false;
    };
    const stops = [
      view.client.on("entry", ({ room: { id }, entry: { kind } }) => {
        if (id === room.id && (kind === "join" || kind === "leave")) void reload();
      }),
      view.client.on("presence", ({ user }) => {
        if (names.current.has(user)) void reload();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [view, room, load]);
  const names = useRef(new Set<string>());
  names.current = new Set(members?.map(({ user: name }) => name));
  const isDirect = room.kind === "direct";
  const rank = isDirect ? 0 : Math.max(RANK[room.role], RANK[user.role]);
  const isModerator = rank >= RANK.moderator;
  const change = (act: () => Promise<unknown>) =>
    run(async () => {
      await act();
      await load();
    });
  return (
    <Dialog title={room.name} kind="sheet" onClose={onClose}>
      <p class="quiet">
        {isDirect
          ? "A conversation of two"
          : `${room.access === "members" ? "Members only" : "Open to everybody on this server"} · ${membersText(members?.length ?? room.memberCount)}`}
      </p>
      {!isDirect && <Topic timeline={timeline} mayChange={isModerator} />}
      <Failure text={failure} />
      <h3>Members</h3>
      <ul class="members" aria-busy={members === undefined}>
        {members?.map((member) => (
          <MemberRow
            key={member.user}
            member={member}
            isSelf={member.user === user.name}
            rank={rank}
            serverRank={RANK[user.role]}
            isBusy={isBusy}
            onMessage={() => run(async () => onShow(view.timelineOf(await view.client.direct(member.user))))}
            onRole={(role) => change(() => room.setRole(member.user, role))}
            onRemove={() => change(() => room.remove(member.user))}
            onBan={() => change(() => room.ban(member.user))}
            onServerBan={() => change(() => view.client.ban(member.user))}
          />
        ))}
      </ul>
      {isDirect && (
        <div class="stack">
          <Confirm
            label="Close this conversation"
            again="Really close it: until one of you writes again"
            isBusy={isBusy}
            onConfirm={() =>
              run(async () => {
                await room.leave();
                onClose();
              })
            }
          />
        </div>
      )}
      {!isDirect && (
        <>
          {(isModerator || room.access === "public") && (
            <AddMember onAdd={(name) => change(() => room.add(name))} />
          )}
          <div class="stack">
            <button type="button" onClick={onInvite}>
              <Icon name="invite" /> Invite somebody new
            </button>
            {isModerator && <Unban onUnban={(name) => change(() => room.ban(name, false))} />}
            <Confirm
              label="Leave this room"
              again="Really leave this room"
              isBusy={isBusy}
              onConfirm={() =>
                run(async () => {
                  await room.leave();
                  onClose();
                })
              }
            />
          </div>
        </>
      )}
    </Dialog>
  );
}

function Topic({ timeline, mayChange }: { readonly timeline: Timeline; readonly mayChange: boolean }): VNode {
  const { room } = timeline;
  const [text, setText] = useState<string>();
  const { isBusy, failure, run } = useAction();
  const id = useId();
  if (text === undefined) {
    return (
      <div class="topic-row">
        <p dir="auto">{room.topic || <span class="quiet">No topic yet.</span>}</p>
        {mayChange && <IconButton icon="edit" label="Change the topic" onClick={() => setText(room.topic)} />}
      </div>
    );
  }
  const submit = (event: Event) => {
    event.preventDefault();
    run(async () => {
      await room.setTopic(text.trim());
      setText(undefined);
    });
  };
  return (
    <form class="field" onSubmit={submit}>
      <label for={id}>Topic</label>
      <div class="row">
        <input
          id={id}
          ref={(field) => field?.focus()}
          dir="auto"
          maxLength={250}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" disabled={isBusy}>
          Save
        </button>
      </div>
      <Failure text={failure} />
    </form>
  );
}

function MemberRow({
  member: { user, role, presence },
  isSelf,
  rank,
  serverRank,
  isBusy,
  onMessage,
  onRole,
  onRemove,
  onBan,
  onServerBan,
}: {
  readonly member: Member;
  readonly isSelf: boolean;
  readonly rank: number;
  readonly serverRank: number;
  readonly isBusy: boolean;
  readonly onMessage: () => void;
  readonly onRole: (role: Role) => void;
  readonly onRemove: () => void;
  readonly onBan: () => void;
  readonly onServerBan: () => void;
}): VNode {
  const [isOpen, setOpen] = useState(false);
  const isAbove = rank > RANK[role] && rank >= RANK.moderator;
  const id = useId();
  return (
    <li>
      <button
        type="button"
        class="member"
        aria-expanded={isSelf ? undefined : isOpen}
        aria-controls={isSelf ? undefined : id}
        disabled={isSelf}
        onClick={() => setOpen(!isOpen)}
      >
        <Avatar name={user} presence={presence} />
        <bdi class="name">{user}</bdi>
        {isSelf && <span class="quiet">you</span>}
        {role !== "member" && <span class="tag">{role}</span>}
        {!isSelf && <Icon name="down" />}
      </button>
      {isOpen && (
        <div class="row" id={id}>
          <button type="button" disabled={isBusy} onClick={onMessage}>
            Write to them
          </button>
          {rank >= RANK.owner &&
            (["member", "moderator", "owner"] as const)
              .filter((each) => each !== role)
              .map((each) => (
                <button key={each} type="button" disabled={isBusy} onClick={() => onRole(each)}>
                  Make {each}
                </button>
              ))}
          {isAbove && (
            <>
              <Confirm label="Remove" again="Really remove" isBusy={isBusy} onConfirm={onRemove} />
              <Confirm
                label="Ban from the room"
                again="Really ban from the room"
                isBusy={isBusy}
                onConfirm={onBan}
              />
            </>
          )}
          {isAbove && serverRank >= RANK.moderator && (
            <Confirm
              label="Ban from the server"
              again="Really ban from the server"
              isBusy={isBusy}
              onConfirm={onServerBan}
            />
          )}
        </div>
      )}
    </li>
  );
}

function NameForm({
  label,
  button,
  onSubmit,
}: {
  readonly label: string;
  readonly button: string;
  readonly onSubmit: (name: string) => void;
}): VNode {
  const [name, setName] = useState("");
  const id = useId();
  const submit = (event: Event) => {
    event.preventDefault();
    onSubmit(name.trim().normalize("NFC"));
    setName("");
  };
  return (
    <form class="field" onSubmit={submit}>
      <label for={id}>{label}</label>
      <div class="row">
        <input
          id={id}
          required
          autocomplete="off"
          autocapitalize="none"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit">{button}</button>
      </div>
    </form>
  );
}

function AddMember({ onAdd }: { readonly onAdd: (name: string) => void }): VNode {
  return <NameForm label="Add somebody who has a login" button="Add" onSubmit={onAdd} />;
}

function Unban({ onUnban }: { readonly onUnban: (name: string) => void }): VNode {
  return <NameForm label="Let somebody back in who was banned here" button="Allow" onSubmit={onUnban} />;
}
