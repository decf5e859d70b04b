// A chat for one test: its server, people at its page, and people elsewhere, who have clients in this process.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Host } from "./host.mjs";
import { Person } from "./person.mjs";

/** Of a whole test: what waits for what never comes is to be named. */
const LIMIT_MS = 180_000;

async function inTime(promise, limitMs) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it takes more than ${limitMs / 1000} s`)), limitMs);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Chat {
  host;
  #browser;
  #cli;
  #faults = [];
  #clients = [];
  #owner;
  #step = "the server starts";

  /**
   * Opens a chat for a test, and closes it.
   * @param programs `browser` of Playwright, and `cli`: the built command, beside its page and its library
   * @param options of the server, as `Host.open` takes them
   */
  static async use({ browser, cli }, options, test) {
    const chat = new Chat();
    chat.#browser = browser;
    chat.#cli = cli;
    try {
      chat.host = await Host.open(cli, options);
      await inTime(test(chat), LIMIT_MS);
      assert.deepEqual(chat.#faults, []);
    } catch (error) {
      const faults = chat.#faults.map(String).join("\n");
      throw new Error(`${chat.#step}: ${error.message}\n${faults}`, { cause: error });
    } finally {
      for (const client of chat.#clients) await client.close();
      for (const context of browser.contexts()) await context.close();
      await chat.host?.close();
    }
  }

  /** Says what is being tried, should it fail. */
  async step(name, act) {
    this.#step = name;
    return act();
  }

  /** Somebody in front of the page, not in yet. */
  stranger(options) {
    return Person.open(this.#browser, this.#faults, options);
  }

  /** Somebody whom the owner has invited, by the page. */
  async person(name, { room, role, context, ...options } = {}) {
    const person = await this.stranger(context);
    await person.join(await this.pageLink(await this.invite({ room, role })), name, options);
    if (room !== undefined) await person.isIn(room.name);
    return person;
  }

  /** Somebody whom the owner has invited, by a client in this process. */
  async client(name, options) {
    const link = await this.invite(options);
    return this.#open(link, name);
  }

  /** The owner of the server, by a client in this process. */
  async owner() {
    this.#owner ??= this.#open(this.host.said.owner.link, "olga");
    return this.#owner;
  }

  /** Settles once the owner is told that somebody has read a room up to a position. */
  async hasRead(room, name, position) {
    const owner = await this.owner();
    const told = new Promise((resolve) => {
      owner.on("receipts", ({ room: { id }, receipts }) => {
        if (id === room.id && receipts.some(({ user, read }) => user === name && read >= position)) resolve();
      });
    });
    const known = (await room.receipts()).find(({ user }) => user === name);
    if ((known?.read ?? 0) < position) await told;
  }

  async invite(options) {
    const owner = await this.owner();
    // After the server was killed they come back when they do.
    if (!owner.isConnected) await new Promise((resolve) => owner.on("connected", resolve));
    return owner.invite(options);
  }

  async #open(link, name) {
    const { ChatClient } = await this.#library();
    const auth = await ChatClient.join(link, { name });
    const client = await ChatClient.connect(link, { auth });
    this.#clients.push(client);
    return client;
  }

  /** The page's address for an invitation that is a terminal's link. */
  async pageLink(link) {
    const { parseLink } = await this.#library();
    const { id, secret } = parseLink(link).invitation;
    return `${this.host.origin}/#invitation=${id}.${secret}`;
  }

  /** As it is built, beside the command. */
  #library() {
    return import(pathToFileURL(join(dirname(this.#cli), "chat/node.js")));
  }
}
