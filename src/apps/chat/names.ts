/** Names of users and rooms, which differ in more than their case and the form of their characters. */

/** What names are compared by. */
export function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}

/** As servers have it. */
export function normalized(name: string): string {
  return name.normalize("NFC");
}
