// One page in a headless Chromium, served from localhost so that it is a secure context (crypto.subtle).
import { createServer } from "node:http";

const ARGUMENTS = [
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Runs an ES module in an empty page and calls `onLine` with each line it hands to `globalThis.report`.
 * Resolves to undefined when the module has called `report` with `endLine(line)` true, else to what went wrong.
 */
export async function runInChromium({ executablePath, args = [], script, onLine, isLast, limitMs }) {
  const { chromium } = await import("playwright-core");
  const server = await serve(script);
  let browser;
  try {
    // playwright-core makes a new empty profile for each launch, and ends the browser when we are ended.
    browser = await chromium.launch({
      executablePath,
      args: [...ARGUMENTS, ...args],
      chromiumSandbox: false,
      timeout: 60_000,
    });
    const page = await browser.newPage();
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve({ timedOut: true }), limitMs);
      const end = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      page.on("pageerror", (error) => end({ error: error.stack ?? String(error) }));
      page.on("crash", () => end({ error: "the page crashed" }));
      browser.on("disconnected", () => end({ error: "the browser ended" }));
      page
        .exposeFunction("report", (line) => {
          onLine(line);
          if (isLast(line)) end({});
        })
        .then(() => page.goto(`http://localhost:${server.address().port}/`))
        .catch(reject);
    });
  } catch (error) {
    return { error: error.message };
  } finally {
    await browser?.close();
    server.close();
    server.closeAllConnections();
  }
}

function serve(script) {
  const server = createServer((request, response) => {
    if (request.url === "/") {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(
        '<!doctype html><title>Sealgram tests</title><script type="module" src="/main.js"></script>',
      );
    } else if (request.url === "/main.js") {
      response.setHeader("content-type", "text/javascript; charset=utf-8");
      response.end(script);
    } else {
      response.statusCode = request.url === "/favicon.ico" ? 204 : 404;
      response.end();
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "localhost", () => resolve(server));
  });
}
