// The tests of the chat's page in a real browser, on a real server.
import { tests as connection } from "./connection.test.mjs";
import { tests as conversation } from "./conversation.test.mjs";
import { tests as files } from "./files.test.mjs";
import { tests as find } from "./find.test.mjs";
import { tests as history } from "./history.test.mjs";
import { tests as login } from "./login.test.mjs";
import { tests as reading } from "./reading.test.mjs";
import { tests as roles } from "./roles.test.mjs";
import { tests as texts } from "./texts.test.mjs";

/** By name: each takes `browser` of Playwright and `cli`, the built command, beside its page and its library. */
export const chatPageTests = {
  ...conversation,
  ...connection,
  ...login,
  ...files,
  ...find,
  ...history,
  ...reading,
  ...roles,
  ...texts,
};

/** @param executablePath of Chromium */
export async function openBrowser(executablePath) {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath, chromiumSandbox: false, args: ["--disable-gpu"] });
}
