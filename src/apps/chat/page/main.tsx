/** @jsxImportSource preact */
import { render } from "preact";
import { App } from "./app.tsx";
import { takeInvitation } from "./place.ts";

render(<App invitation={takeInvitation()} />, document.querySelector("#app")!);
