/** @jsxImportSource preact */
/** Who is not in yet: by an invitation as a new user, or by name and password. */
import type { VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatAuth, Invitation } from "../client/entry.ts";
import { Confirm } from "./confirm.tsx";
import { Failure, useAction } from "./dialog.tsx";
import { Field, NewPassword } from "./field.tsx";
import { Icon } from "./icons.tsx";
import type { Kept } from "./keep.ts";
import { findInvitation, linkWith, type Place } from "./place.ts";
import { chat, dialOptions } from "./ways.ts";
import { LOGIN_FAILURES } from "./words.ts";

/** Logs in. Rejects if that fails. */
export type Enter = (kept: Kept, isToStay: boolean) => Promise<void>;

const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{0,31}$/u;

interface DoorProps {
  readonly place: Place;
  readonly invitation: Invitation | undefined;
  /** A login that is kept on this device. */
  readonly kept: Kept | undefined;
  /** Why it was refused, if it was. */
  readonly failure?: string | undefined;
  readonly onForget: () => void;
  readonly onEnter: Enter;
}

export function Door({ place, invitation: given, kept, failure, onForget, onEnter }: DoorProps): VNode {
  const [invitation, setInvitation] = useState(given);
  useEffect(() => setInvitation(given), [given]);
  const again = kept && <Continue kept={kept} before={failure} onForget={onForget} onEnter={onEnter} />;
  return (
    <main class="door">
      <div class="card">
        <p class="brand">
          <Icon name="seal" />
          <bdi>{place.name}</bdi>
        </p>
        {invitation === undefined ? (
          <LogIn again={again} onEnter={onEnter} onInvitation={setInvitation} />
        ) : (
          <Join
            place={place}
            invitation={invitation}
            kept={kept}
            again={again}
            onEnter={onEnter}
            onLogIn={() => setInvitation(undefined)}
          />
        )}
      </div>
      <p class="small-print">
        <Icon name="lock" /> Sealed from this page to the server by DTLS 1.3. What is in between carries it,
        and cannot read it.
      </p>
    </main>
  );
}

function StayChoice({
  isToStay,
  onChange,
}: {
  readonly isToStay: boolean;
  readonly onChange: (isToStay: boolean) => void;
}): VNode {
  const id = useId();
  return (
    <div class="choice">
      <input
        type="checkbox"
        id={id}
        checked={isToStay}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>Stay logged in on this device</label>
        <p class="hint" id={`${id}-hint`}>
          Keeps the password in this browser, encrypted. Whoever can use this browser can use it: do so on a
          device of your own.
        </p>
      </div>
    </div>
  );
}

function LogIn({
  again,
  onEnter,
  onInvitation,
}: {
  /** What one logs in by that has done so before, if that is kept. */
  readonly again: VNode | undefined;
  readonly onEnter: Enter;
  readonly onInvitation: (invitation: Invitation) => void;
}): VNode {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [isToStay, setToStay] = useState(false);
  const [isInviting, setInviting] = useState(false);
  const { isBusy, failure, run } = useAction();
  const passwordField = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (failure !== undefined) passwordField.current?.select();
  }, [failure]);
  const submit = (event: Event) => {
    event.preventDefault();
    const user = name.trim().normalize("NFC");
    run(() => onEnter({ name: user, auth: { user, password } }, isToStay));
  };
  if (isInviting) return <PasteInvitation onInvitation={onInvitation} onBack={() => setInviting(false)} />;
  return (
    <form onSubmit={submit}>
      <h1>Log in</h1>
      {again}
      <Field label="Name">
        {(ids) => (
          <input
            {...ids}
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label="Password">
        {(ids) => (
          <input
            {...ids}
            ref={passwordField}
            type="password"
            name="password"
            autocomplete="current-password"
            required
            aria-invalid={failure !== undefined}
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        )}
      </Field>
      <StayChoice isToStay={isToStay} onChange={setToStay} />
      <Failure text={failure} />
      <button type="submit" class="primary" disabled={isBusy}>
        {isBusy ? "Logging in …" : "Log in"}
      </button>
      <button type="button" class="link" onClick={() => setInviting(true)}>
        I have an invitation
      </button>
    </form>
  );
}

function Continue({
  kept,
  before,
  onForget,
  onEnter,
}: {
  readonly kept: Kept;
  /** Why it did not work before. */
  readonly before: string | undefined;
  readonly onForget: () => void;
  readonly onEnter: Enter;
}): VNode {
  const { isBusy, failure, run } = useAction(LOGIN_FAILURES);
  return (
    <div class="continue">
      <button type="button" disabled={isBusy} onClick={() => run(() => onEnter(kept, true))}>
        Continue as <bdi>{kept.name}</bdi>
      </button>
      <Failure text={failure ?? (isBusy ? undefined : before)} />
      <Confirm
        label={`Forget this login of ${kept.name}`}
        again={"psk" in kept.auth ? "Really forget it: there is no other" : "Really forget it"}
        isBusy={isBusy}
        onConfirm={onForget}
      />
    </div>
  );
}

function PasteInvitation({
  onInvitation,
  onBack,
}: {
  readonly onInvitation: (invitation: Invitation) => void;
  readonly onBack: () => void;
}): VNode {
  const [failure, setFailure] = useState<string>();
  const [text, setText] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const invitation = findInvitation(text);
    if (invitation === undefined) setFailure("That is no invitation: its link ends with #invitation=…");
    else onInvitation(invitation);
  };
  return (
    <form onSubmit={submit}>
      <h1>Join by invitation</h1>
      <Field
        label="Invitation link"
        hint="Whoever runs this chat, or is in it, can make one for you. It works once."
      >
        {(ids) => (
          <input
            {...ids}
            required
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </Field>
      <Failure text={failure} />
      <button type="submit" class="primary">
        Go on
      </button>
      <button type="button" class="link" onClick={onBack}>
        Log in instead
      </button>
    </form>
  );
}

function Join({
  place,
  invitation,
  kept,
  again,
  onEnter,
  onLogIn,
}: {
  readonly place: Place;
  readonly invitation: Invitation;
  readonly kept: Kept | undefined;
  readonly again: VNode | undefined;
  readonly onEnter: Enter;
  readonly onLogIn: () => void;
}): VNode {
  const [name, setName] = useState("");
  const [way, setWay] = useState<"password" | "key">("password");
  const [password, setPassword] = useState("");
  const [isToStay, setToStay] = useState(false);
  const { isBusy, failure, run } = useAction({
    authentication_failed: "This invitation was used, or has ended. Ask for another.",
  });
  const group = useId();
  // An invitation works once: what it has made is tried again if the login behind it fails.
  const joined = useRef<{ readonly name: string; readonly auth: ChatAuth }>(undefined);
  const user = name.trim().normalize("NFC");
  const submit = (event: Event) => {
    event.preventDefault();
    run(async () => {
      if (joined.current?.name !== user) {
        const secret = way === "password" ? { password } : {};
        const auth = await chat.join(linkWith(place, invitation), { name: user, ...secret }, dialOptions);
        joined.current = { name: user, auth };
      }
      await onEnter(joined.current, way === "key" || isToStay);
    });
  };
  const checkName = (field: HTMLInputElement) => {
    const isName = NAME.test(field.value.trim().normalize("NFC"));
    field.setCustomValidity(isName ? "" : "Up to 32 letters and digits, with . _ and - between them.");
  };
  const choices = [
    { value: "password", title: "A password", text: "Log in from any browser or terminal." },
    {
      value: "key",
      title: "A key on this device",
      text: "Nothing to remember, and nobody else can log in. It is kept in this browser only: if that is cleared, you need another invitation.",
    },
  ] as const;
  return (
    <form onSubmit={submit}>
      <h1>You are invited</h1>
      {again}
      <Field label="Your name" hint="What the others see. Letters and digits, without spaces.">
        {(ids) => (
          <input
            {...ids}
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            maxLength={32}
            value={name}
            onInput={(event) => {
              checkName(event.currentTarget);
              setName(event.currentTarget.value);
            }}
          />
        )}
      </Field>
      <fieldset>
        <legend>Log in by</legend>
        {choices.map(({ value, title, text }) => (
          <div class="choice" key={value}>
            <input
              type="radio"
              id={`${group}-${value}`}
              name={group}
              checked={way === value}
              aria-describedby={`${group}-${value}-hint`}
              onChange={() => setWay(value)}
            />
            <div>
              <label for={`${group}-${value}`}>{title}</label>
              <p class="hint" id={`${group}-${value}-hint`}>
                {text}
              </p>
            </div>
          </div>
        ))}
      </fieldset>
      {way === "password" && (
        <>
          <NewPassword label="Password" value={password} onChange={setPassword} />
          <StayChoice isToStay={isToStay} onChange={setToStay} />
        </>
      )}
      {kept !== undefined && (way === "key" || isToStay) && (
        <p class="hint">
          This browser keeps one login: that of <bdi>{kept.name}</bdi> gives way to the new one.
        </p>
      )}
      <Failure text={failure} />
      <button type="submit" class="primary" disabled={isBusy}>
        {isBusy ? "Joining …" : "Join"}
      </button>
      <button type="button" class="link" onClick={onLogIn}>
        I have a login already
      </button>
    </form>
  );
}
