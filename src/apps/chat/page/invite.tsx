/** @jsxImportSource preact */
/** Links that let one new user in, for browsers, phones and terminals. */
import type { VNode } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import type { ChatRoom, ChatView, Role } from "../client/entry.ts";
import { Dialog, Failure, useAction } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import { invitationLinks, isThisDeviceOnly } from "./place.ts";

const HOUR_MS = 3_600_000;
const DAYS = [1, 7, 30];

export function Invite({
  view,
  room,
  onClose,
}: {
  readonly view: ChatView;
  /** That the new user will be in. */
  readonly room: ChatRoom | undefined;
  readonly onClose: () => void;
}): VNode {
  const into = room?.kind === "room" ? room : undefined;
  const [days, setDays] = useState(7);
  const [role, setRole] = useState<Role>("member");
  const [links, setLinks] = useState<{ page: string; terminal: string }>();
  const { isBusy, failure, run } = useAction({ not_allowed: "Into this room, only its moderators invite." });
  const id = useId();
  const submit = (event: Event) => {
    event.preventDefault();
    run(async () => {
      const link = await view.client.invite({
        validMs: days * 24 * HOUR_MS,
        role,
        ...(into === undefined ? {} : { room: into }),
      });
      setLinks(invitationLinks(link));
    });
  };
  const roles: readonly Role[] = view.client.user.role === "owner" ? ["member", "moderator"] : ["member"];
  return (
    <Dialog
      title={into === undefined ? "Invite somebody" : `Invite somebody to ${into.name}`}
      onClose={onClose}
    >
      {links === undefined ? (
        <form onSubmit={submit}>
          <p>Makes a link that lets one person in, once. They choose a name and how they log in.</p>
          <div class="field">
            <label for={`${id}-days`}>It works for</label>
            <select
              id={`${id}-days`}
              value={days}
              onChange={(event) => setDays(Number(event.currentTarget.value))}
            >
              {DAYS.map((count) => (
                <option key={count} value={count}>
                  {count === 1 ? "a day" : `${count} days`}
                </option>
              ))}
            </select>
          </div>
          {roles.length > 1 && (
            <div class="field">
              <label for={`${id}-role`}>They become</label>
              <select
                id={`${id}-role`}
                value={role}
                onChange={(event) => setRole(event.currentTarget.value as Role)}
              >
                {roles.map((each) => (
                  <option key={each} value={each}>
                    a {each}
                  </option>
                ))}
              </select>
            </div>
          )}
          <Failure text={failure} />
          <button type="submit" class="primary" disabled={isBusy}>
            {isBusy ? "Making the link …" : "Make a link"}
          </button>
        </form>
      ) : (
        <div class="links">
          <Qr text={links.page} />
          <LinkField label="For a browser" link={links.page} />
          <LinkField label="For a terminal: sealgram chat '…'" link={links.terminal} />
          <p class="hint">
            Whoever has it first is in: send it by a way that only they can read.
            {isThisDeviceOnly() &&
              " This page's address works on this computer only, and so does the browser's link."}
          </p>
        </div>
      )}
    </Dialog>
  );
}

function LinkField({ label, link }: { readonly label: string; readonly link: string }): VNode {
  const [isCopied, setCopied] = useState(false);
  const id = useId();
  const copy = async () => {
    await navigator.clipboard.writeText(link);
    setCopied(true);
    setTimeout(() => setCopied(false), 3_000);
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="row">
        <input id={id} readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
        <button type="button" onClick={() => void copy()}>
          <Icon name={isCopied ? "check" : "copy"} />
          {isCopied ? "Copied" : "Copy"}
        </button>
        <span class="unseen" role="status">
          {isCopied && "The link is copied"}
        </span>
      </div>
    </div>
  );
}

/** For a phone's camera. The encoder is loaded when it is needed. */
function Qr({ text }: { readonly text: string }): VNode {
  const [rows, setRows] = useState<readonly (readonly boolean[])[]>();
  useEffect(() => {
    void import("qr").then(({ default: encode }) => setRows(encode(text, "raw", { ecc: "low", border: 3 })));
  }, [text]);
  const size = rows?.length ?? 1;
  const path = (rows ?? [])
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="The browser's link as a QR code">
      <path d={path} />
    </svg>
  );
}
