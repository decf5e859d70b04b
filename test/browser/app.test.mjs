// Looks at the page of app.ts in a real browser, by what is on it: sessions by WebTransport and by WebSocket.
import assert from "node:assert/strict";
import { createServer } from "node:http";

const PAGE = `<!doctype html><title>Sealgram app</title>
<form>
  <input name="url"><input name="hashes"><input name="password"><input name="message">
  <button type="submit">connect</button>
</form>
<button id="send">send</button><button id="close">close</button>
<p id="state">idle</p><ul id="log"></ul>
<script type="module" src="/app.js"></script>`;

const LIMIT_MS = 60_000;

/**
 * @param executablePath of Chromium
 * @param script the bundled app
 * @param outside where servers and gateways are, as test/runtime/outside.ts has it
 */
export async function testApp(executablePath, script, outside) {
  const { chromium } = await import("playwright-core");
  const server = createServer((request, response) => {
    const isScript = request.url === "/app.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? script : PAGE);
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ["--disable-gpu"] });
  try {
    const { url, hashes } = outside.webTransport;
    const ways = [
      { name: "webTransport", url: `${url}/password`, hashes },
      { name: "webSocket", url: `${outside.webSocket}/password`, hashes: "" },
    ];
    for (const way of ways) {
      const page = await browser.newPage();
      page.setDefaultTimeout(LIMIT_MS);
      const errors = [];
      page.on("pageerror", (error) => errors.push(error));
      await page.goto(`http://localhost:${server.address().port}/`);
      await useApp(page, way, outside);
      assert.deepEqual(errors, []);
      await page.close();
    }
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

async function useApp(page, { name, url, hashes }, { restart }) {
  const shows = (text) => page.locator("#state", { hasText: text }).waitFor();
  const answers = async (message) => {
    await page.fill("[name=message]", message);
    const answer = page.locator("#log li", { hasText: message }).first();
    // Datagrams get lost: a user would press the button again.
    for (let tries = 0; tries < 100; tries++) {
      await page.click("#send");
      const seen = await answer.waitFor({ timeout: 300 }).then(
        () => true,
        () => false,
      );
      if (seen) return;
    }
    throw new Error(`${name}: no answer to "${message}"; state: ${await page.textContent("#state")}`);
  };

  await page.fill("[name=url]", url);
  await page.fill("[name=hashes]", hashes);
  await page.fill("[name=password]", "wrong");
  await page.click("button[type=submit]");
  await shows("failed: authentication_failed");

  await page.fill("[name=password]", "correct horse");
  await page.click("button[type=submit]");
  await shows("connected as password");
  await answers("hello from a page");
  const response = await fetch(`${restart}/${name}`, { method: "POST" });
  assert.equal(response.status, 200);
  await answers("after the restart");
  assert.equal(await page.textContent("#state"), "connected as password");
  await page.click("#close");
  await shows("closed");
}
