/** @jsxImportSource preact */
/** What protects this connection, and what does not. */
import type { VNode } from "preact";
import type { ChatView } from "../client/entry.ts";
import { Dialog } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import type { Kept } from "./keep.ts";
import type { Place } from "./place.ts";
import { wayOf } from "./ways.ts";

export function Seal({
  view,
  place,
  login,
  onClose,
}: {
  readonly view: ChatView;
  readonly place: Place;
  readonly login: Kept;
  readonly onClose: () => void;
}): VNode {
  const way = wayOf(view.client.url);
  const isConnected = view.connection.kind === "connected";
  const { serverKey, host, port } = place.link;
  const hasPassword = "password" in login.auth;
  return (
    <Dialog
      title={isConnected ? "Sealed end to end with the server" : "Not connected at present"}
      onClose={onClose}
    >
      <div class="seal">
        <ol class="path" aria-label="The way of what you write">
          <li>
            <Icon name="lock" />
            <strong>This page</strong>
            <span>has the keys</span>
          </li>
          <li class="blind">
            <strong>Gateway</strong>
            <span>by {way}; cannot read</span>
          </li>
          <li>
            <Icon name="lock" />
            <strong>
              <bdi>{place.name}</bdi>
            </strong>
            <span>has the keys</span>
          </li>
        </ol>
        <p>
          The session is DTLS 1.3 from this page to the server at{" "}
          <bdi>
            {host}:{port}
          </bdi>
          . The gateway and all networks in between carry sealed datagrams: they can delay or lose them, and
          neither read, change nor repeat them.
        </p>
        <p>
          {hasPassword
            ? "You have logged in by a password (SPAKE2+). It was not sent: both sides have proved that they know what belongs to it, so this is the server that you are registered with."
            : "You have logged in by a key that only this browser and the server have. Both sides have proved it, so this is the server that you are registered with."}
        </p>
        {serverKey !== undefined && (
          <>
            <h3>The server's key</h3>
            <code class="fingerprint">{serverKey}</code>
            <p class="hint">
              As this page was told. The links that the server prints have the same behind #key=: terminals
              that log in by a key of their own check it.
            </p>
          </>
        )}
        <h3>What this does not promise</h3>
        <ul>
          <li>
            The server reads what is written here: it keeps the history, and delivers it. Rooms are not sealed
            among their members.
          </li>
          <li>
            This page came from <bdi>{location.host}</bdi>
            {location.protocol === "https:" ? "" : ", without TLS"}. Whoever delivers it can deliver another
            one, which gives your login away. To depend on that for nothing, use the terminal client (
            <code>sealgram chat</code>), which you install once.
          </li>
          <li>Who talks when, how much, and the names of users at their logins are visible on the way.</li>
        </ul>
      </div>
    </Dialog>
  );
}
