/** @jsxImportSource preact */
/** What one logs in with: to look at, to add to and to take from. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ChatView, OwnCredential } from "../client/entry.ts";
import { Confirm } from "./confirm.tsx";
import { Dialog, Failure, useAction } from "./dialog.tsx";
import { NewPassword } from "./field.tsx";
import { type Kept, keep } from "./keep.ts";
import { fullTimeText } from "./words.ts";

const NAMES = { password: "Password", psk: "Key on one device", key: "Private key" } as const;

export function Logins({
  view,
  login,
  isKept,
  onLogin,
  onClose,
}: {
  readonly view: ChatView;
  readonly login: Kept;
  /** Whether this browser keeps the login. */
  readonly isKept: boolean;
  /** From now on this page logs in so. */
  readonly onLogin: (login: Kept) => void;
  readonly onClose: () => void;
}): VNode {
  const own = view.client.login;
  const [all, setAll] = useState<readonly OwnCredential[]>();
  const [password, setPassword] = useState("");
  const [done, setDone] = useState("");
  const { isBusy, failure, run } = useAction({ not_allowed: "You have nothing else to log in with." });
  const load = async () => setAll(await own.list());
  useEffect(() => void run(load), [own, view.connection.kind]);
  const hasPassword = all?.some(({ kind }) => kind === "password");
  const isByPassword = "password" in login.auth;
  const change = (what: string, act: () => Promise<unknown>) => {
    setDone("");
    run(async () => {
      await act();
      setDone(what);
      await load();
    });
  };
  const submit = (event: Event) => {
    event.preventDefault();
    change("Your password is set.", async () => {
      const auth = await own.setPassword(password);
      setPassword("");
      if (!isByPassword) return;
      if (isKept) await keep({ name: login.name, auth });
      onLogin({ name: login.name, auth });
    });
  };
  const useKey = () =>
    change("From now on this browser logs in by a key of its own.", async () => {
      const auth = await own.addPsk();
      await keep({ name: login.name, auth });
      own.use(auth);
      onLogin({ name: login.name, auth });
    });
  return (
    <Dialog title="What you log in with" onClose={onClose}>
      <ul class="logins" aria-busy={all === undefined}>
        {all?.map((each) => (
          <Row
            key={`${each.kind} ${each.id}`}
            credential={each}
            isBusy={isBusy}
            onRemove={() => change("It lets nobody in any more.", () => own.remove(each))}
          />
        ))}
      </ul>
      <Failure text={failure} />
      <p class="done" role="status">
        {done}
      </p>
      <form class="stack" onSubmit={submit}>
        <NewPassword
          label={hasPassword ? "Another password" : "A password"}
          value={password}
          onChange={setPassword}
        />
        <button type="submit" disabled={isBusy}>
          {hasPassword ? "Change the password" : "Set the password"}
        </button>
        {hasPassword && (
          <p class="hint">Wherever else you are logged in by the old one, you are logged out.</p>
        )}
      </form>
      {isByPassword && (
        <div class="stack">
          <button type="button" disabled={isBusy} onClick={useKey}>
            Log in by a key on this device
          </button>
          <p class="hint">
            It is kept in this browser, encrypted, so that you stay logged in. If the device is lost, take the
            key away here, from another one.
          </p>
        </div>
      )}
    </Dialog>
  );
}

function Row({
  credential: { kind, id, addedMs, isOwn },
  isBusy,
  onRemove,
}: {
  readonly credential: OwnCredential;
  readonly isBusy: boolean;
  readonly onRemove: () => void;
}): VNode {
  const name = NAMES[kind];
  return (
    <li>
      <div>
        <strong>{name}</strong> {isOwn && <span class="tag">used here</span>}
        <p class="quiet">
          {kind !== "password" && <code>{id.replace(/^sha256:/, "").slice(0, 12)}… </code>}
          since {fullTimeText(addedMs)}
        </p>
      </div>
      {!isOwn && (
        <Confirm label="Take away" again="Really take it away" isBusy={isBusy} onConfirm={onRemove} />
      )}
    </li>
  );
}
