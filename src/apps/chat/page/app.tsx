/** @jsxImportSource preact */
/** The whole page: at the door, or in the chat. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ChatView, type Invitation } from "../client/entry.ts";
import { Chat } from "./chat.tsx";
import { Door } from "./door.tsx";
import { Icon } from "./icons.tsx";
import { forget, type Kept, keep, recall } from "./keep.ts";
import { askPlace, linkWith, type Place, takeInvitation } from "./place.ts";
import { chat, dialOptions } from "./ways.ts";
import { failureText, LOGIN_FAILURES } from "./words.ts";

type State =
  | { readonly kind: "opening"; readonly name?: string }
  | { readonly kind: "broken"; readonly text: string }
  | {
      readonly kind: "door";
      readonly place: Place;
      readonly kept: Kept | undefined;
      readonly failure?: string;
    }
  | { readonly kind: "inside"; readonly place: Place; readonly view: ChatView; readonly login: Kept };

/** Logins that the server does not take. After other failures the same may work in a moment. */
const REFUSED = ["authentication_failed", "unknown_identity", "revoked", "banned", "not_allowed"];

export function App({ invitation: first }: { readonly invitation: Invitation | undefined }): VNode {
  const [state, setState] = useState<State>({ kind: "opening" });
  const [invitation, setInvitation] = useState(first);

  const enter = async (place: Place, login: Kept, isToStay: boolean) => {
    const client = await chat.connect(linkWith(place), { auth: login.auth, ...dialOptions });
    if (isToStay) await keep(login);
    setInvitation(undefined);
    const view = new ChatView(client);
    // What is in sight is read, and the log knows what that is.
    view.isAttentive = false;
    setState({ kind: "inside", place, view, login });
  };

  const open = async () => {
    setState({ kind: "opening" });
    try {
      if (!isSecureContext || globalThis.crypto?.subtle === undefined) throw new Error(INSECURE);
      const [place, kept] = await Promise.all([askPlace(), recall()]);
      if (kept === undefined || invitation !== undefined) {
        setState({ kind: "door", place, kept });
        return;
      }
      setState({ kind: "opening", name: kept.name });
      await enter(place, kept, false).catch((error) => {
        if (!REFUSED.includes(error?.code)) throw error;
        // It stays: who was banned may be let in again, and nobody has another key.
        setState({ kind: "door", place, kept, failure: failureText(error, LOGIN_FAILURES) });
      });
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      setState({ kind: "broken", text: code === undefined ? message : failureText(error) });
    }
  };
  useEffect(() => {
    void open();
    const taken = () => setInvitation((before) => takeInvitation() ?? before);
    addEventListener("hashchange", taken);
    return () => removeEventListener("hashchange", taken);
  }, []);

  const leave = async (place: Place, view: ChatView, isToForget: boolean) => {
    view.close();
    await view.client.close();
    if (isToForget) await forget();
    setState({ kind: "door", place, kept: await recall() });
  };

  switch (state.kind) {
    case "opening":
      return (
        <main class="door" aria-busy="true">
          <p class="opening" role="status">
            <Icon name="seal" />
            {state.name === undefined ? (
              "Opening …"
            ) : (
              <span>
                Logging in as <bdi>{state.name}</bdi> …
              </span>
            )}
          </p>
        </main>
      );
    case "broken":
      return (
        <main class="door">
          <div class="card">
            <h1>That did not work</h1>
            <p role="alert">{state.text}</p>
            <button type="button" class="primary" onClick={() => void open()}>
              Try again
            </button>
          </div>
        </main>
      );
    case "door":
      return (
        <Door
          place={state.place}
          kept={state.kept}
          failure={state.failure}
          onForget={() =>
            void forget().then(() => setState({ kind: "door", place: state.place, kept: undefined }))
          }
          invitation={invitation}
          onEnter={(login, isToStay) => enter(state.place, login, isToStay)}
        />
      );
    case "inside":
      return (
        <Chat
          place={state.place}
          view={state.view}
          login={state.login}
          onLogin={(login) => setState({ ...state, login })}
          onLeave={(isToForget) => void leave(state.place, state.view, isToForget)}
        />
      );
  }
}

const INSECURE =
  "Browsers do cryptography only in pages by https, and on the computer itself: open this chat at an https address, or at localhost.";
