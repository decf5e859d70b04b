/** @jsxImportSource preact */
/** One's own login, and its end on this device. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ChatView } from "../client/entry.ts";
import { Avatar } from "./avatar.tsx";
import { Confirm } from "./confirm.tsx";
import { Dialog } from "./dialog.tsx";
import { type Kept, recall } from "./keep.ts";
import { Logins } from "./logins.tsx";

export function Account({
  view,
  login,
  onKeys,
  onLogin,
  onLeave,
  onClose,
}: {
  readonly view: ChatView;
  readonly login: Kept;
  readonly onKeys: () => void;
  readonly onLogin: (login: Kept) => void;
  readonly onLeave: (isToForget: boolean) => void;
  readonly onClose: () => void;
}): VNode {
  const [isKept, setKept] = useState(false);
  useEffect(() => {
    void recall().then((kept) => setKept(kept?.name === login.name));
  }, [login]);
  const { user } = view.client;
  const isKey = "psk" in login.auth;
  const [isChanging, setChanging] = useState(false);
  if (isChanging) {
    return <Logins view={view} login={login} isKept={isKept} onLogin={onLogin} onClose={onClose} />;
  }
  return (
    <Dialog title="Your login" onClose={onClose}>
      <p class="who">
        <Avatar name={user.name} />
        <span>
          <strong>
            <bdi>{user.name}</bdi>
          </strong>
          <span class="quiet">{user.role} of this server</span>
        </span>
      </p>
      <p>
        {isKept
          ? isKey
            ? "You log in by a key that is kept in this browser, encrypted, and nowhere else."
            : "Your password is kept in this browser, encrypted, so that you stay logged in."
          : "Nothing is kept on this device: when this page is closed or reloaded, you log in again."}
      </p>
      <div class="stack">
        <button type="button" onClick={() => setChanging(true)}>
          Password and keys
        </button>
        <button type="button" onClick={onKeys}>
          Keyboard shortcuts
        </button>
        {isKept && (
          <button type="button" onClick={() => onLeave(false)}>
            Log out, and keep the {isKey ? "key" : "password"} here
          </button>
        )}
        {isKept && isKey ? (
          <Confirm
            label="Log out, and forget the key"
            again="Really forget the key"
            isBusy={false}
            onConfirm={() => onLeave(true)}
          />
        ) : (
          <button type="button" class="danger" onClick={() => onLeave(true)}>
            {isKept ? "Log out, and forget the password" : "Log out"}
          </button>
        )}
        {isKept && isKey && (
          <p class="hint">
            Without the key and without a password, you need another invitation, and another name.
          </p>
        )}
      </div>
    </Dialog>
  );
}
