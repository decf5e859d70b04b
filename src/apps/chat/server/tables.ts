/** The tables of a chat's database. Times are in milliseconds since 1970. */

const TABLES = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Names differ in more than their case. Users that are removed stay, as the authors of what they wrote.
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  folded TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  banned_ms INTEGER,
  removed_ms INTEGER
);

-- What users log in with. Of a password there is its SPAKE2+ record; a pre-shared key is as good as a login.
CREATE TABLE passwords (identity TEXT PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, record TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE psks (identity TEXT PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE keys (fingerprint TEXT PRIMARY KEY, user INTEGER NOT NULL REFERENCES users) WITHOUT ROWID;

-- The record of its secret, which lets in once: until the user that it has made has logged in.
CREATE TABLE invitations (
  identity TEXT PRIMARY KEY,
  record TEXT NOT NULL,
  role TEXT NOT NULL,
  room INTEGER REFERENCES rooms,
  expires_ms INTEGER NOT NULL,
  redemption TEXT,
  user INTEGER REFERENCES users
) WITHOUT ROWID;

-- "folded" is unique among rooms with names; of a direct conversation, "pair" is its two users.
CREATE TABLE rooms (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  folded TEXT UNIQUE,
  pair TEXT UNIQUE,
  topic TEXT NOT NULL,
  access TEXT NOT NULL,
  head INTEGER NOT NULL DEFAULT 0,
  members INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE members (
  room INTEGER NOT NULL REFERENCES rooms,
  user INTEGER NOT NULL REFERENCES users,
  role TEXT NOT NULL,
  since INTEGER NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,
  read INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (room, user)
) WITHOUT ROWID;
CREATE INDEX members_of_user ON members (user);

CREATE TABLE bans (
  room INTEGER NOT NULL REFERENCES rooms,
  user INTEGER NOT NULL REFERENCES users,
  PRIMARY KEY (room, user)
) WITHOUT ROWID;

-- All that happens in a room, numbered. A message has its newest text.
CREATE TABLE entries (
  room INTEGER NOT NULL REFERENCES rooms,
  position INTEGER NOT NULL,
  kind TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  author INTEGER NOT NULL REFERENCES users,
  by INTEGER REFERENCES users,
  client_id TEXT,
  target INTEGER,
  text TEXT,
  attachment TEXT REFERENCES attachments,
  edited_ms INTEGER,
  is_deleted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (room, position)
);
CREATE UNIQUE INDEX entries_of_client ON entries (author, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX entries_by_time ON entries (time_ms);
CREATE INDEX edits ON entries (room, target) WHERE kind = 'edit';

-- Their bytes are in files.
CREATE TABLE attachments (
  id TEXT PRIMARY KEY,
  room INTEGER NOT NULL REFERENCES rooms,
  author INTEGER NOT NULL REFERENCES users,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  time_ms INTEGER NOT NULL
) WITHOUT ROWID;
`;

/** Users have several keys, and tell them apart by their age. */
const SEVERAL_KEYS = `
ALTER TABLE passwords ADD COLUMN added_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE psks ADD COLUMN added_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN added_ms INTEGER NOT NULL DEFAULT 0;
UPDATE passwords SET added_ms = (SELECT created_ms FROM users WHERE id = user);
UPDATE psks SET added_ms = (SELECT created_ms FROM users WHERE id = user);
UPDATE keys SET added_ms = (SELECT created_ms FROM users WHERE id = user);
CREATE INDEX psks_of_user ON psks (user);
CREATE INDEX keys_of_user ON keys (user);
`;

/** There was one, of each start. */
const TICKET_SECRETS = "DELETE FROM meta WHERE name = 'ticket secret';";

/** Each edit had the newest text: many of a long one took much room, and each had to be changed by the next. */
const EDITS_WITHOUT_TEXT = `
UPDATE entries SET text = NULL WHERE kind = 'edit';
DROP INDEX edits;
`;

/** To find out whether a message has an attachment. */
const ENTRIES_OF_ATTACHMENTS =
  "CREATE INDEX entries_of_attachment ON entries (attachment) WHERE attachment IS NOT NULL;";

/** What was made by a clock that is ahead is known by it. */
const AGE_OF_INVITATIONS = "ALTER TABLE invitations ADD COLUMN made_ms INTEGER NOT NULL DEFAULT 0;";

/** Files of attachments on their way in or out: what a process was killed with is taken away by the next. */
const STRAYS = "CREATE TABLE strays (id TEXT PRIMARY KEY) WITHOUT ROWID;";

/** Those that all users may see, however many others there are between them. */
const PUBLIC_ROOMS = "CREATE INDEX public_rooms ON rooms (folded) WHERE access = 'public';";

/** Who has made an invitation, which holds as long as they may make it, and by whose a user has come. */
const MAKERS = `
ALTER TABLE invitations ADD COLUMN maker INTEGER REFERENCES users;
ALTER TABLE users ADD COLUMN invited_by INTEGER REFERENCES users;
CREATE INDEX invitations_of_maker ON invitations (maker);
CREATE INDEX users_invited ON users (invited_by) WHERE invited_by IS NOT NULL;
`;

/** What others have put a user into is not of the user's choice until they say something there. */
const CHOICE = `
ALTER TABLE members ADD COLUMN is_chosen INTEGER NOT NULL DEFAULT 1;
UPDATE members SET is_chosen = 0 WHERE (SELECT pair FROM rooms WHERE id = room) IS NOT NULL AND NOT EXISTS
  (SELECT 1 FROM entries WHERE entries.room = members.room AND author = user AND kind = 'message');
`;

/**
 * What makes each version of the tables of the one before it; the first makes them of nothing. Those that were published
 * never change: a change of the tables is another one at the end.
 */
export const MIGRATIONS: readonly string[] = [
  TABLES,
  SEVERAL_KEYS,
  TICKET_SECRETS,
  EDITS_WITHOUT_TEXT,
  ENTRIES_OF_ATTACHMENTS,
  AGE_OF_INVITATIONS,
  STRAYS,
  PUBLIC_ROOMS,
  MAKERS,
  CHOICE,
];
