/** Checks of values that come out of JSON: what passes is a new value with the named fields and nothing else. */

/** Answers the value as what it is, or throws {@link Malformed}. */
export type Check<T> = (value: unknown) => T;

/** Something that is not what it should be. The message names the place, never the value. */
export class Malformed extends Error {
  override readonly name: string = "Malformed";
}

const encoder = new TextEncoder();

/** Bytes of UTF-8. */
function utf8Length(text: string): number {
  return encoder.encode(text).length;
}

/** Well-formed Unicode of so many bytes in UTF-8, without U+0000, which ends texts in some databases and terminals. */
export function text(minBytes: number, maxBytes: number): Check<string> {
  return (value) => {
    if (typeof value !== "string") throw new Malformed("not a text");
    // A UTF-16 unit makes three bytes at most, and one at least.
    const isShort = value.length * 3 <= maxBytes;
    if (value.length > maxBytes || (!isShort && utf8Length(value) > maxBytes))
      throw new Malformed(`a text of more than ${maxBytes} bytes`);
    if (value.length < minBytes) throw new Malformed(`a text of less than ${minBytes} bytes`);
    if (/[\p{Surrogate}\0]/u.test(value)) throw new Malformed("a text with half a character, or U+0000");
    return value;
  };
}

/** A {@link text} on one line, which does not change the direction of what is written beside it. */
export function line(minBytes: number, maxBytes: number): Check<string> {
  const check = text(minBytes, maxBytes);
  return (value) => {
    const checked = check(value);
    if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(checked))
      throw new Malformed("a line with characters that control others");
    return checked;
  };
}

/** A text of another form. */
export function pattern(form: RegExp): Check<string> {
  return (value) => {
    if (typeof value !== "string" || !form.test(value)) throw new Malformed(`not of the form ${form.source}`);
    return value;
  };
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw new Malformed(`not a whole number from ${min} to ${max}`);
    return value as number;
  };
}

export const boolean: Check<boolean> = (value) => {
  if (typeof value !== "boolean") throw new Malformed("neither true nor false");
  return value;
};

export function oneOf<const T extends string>(...values: readonly T[]): Check<T> {
  return (value) => {
    if (!values.includes(value as T)) throw new Malformed(`none of ${values.join(", ")}`);
    return value as T;
  };
}

/** Absent, or of that form; `null` is neither. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value) => (value === undefined ? undefined : check(value));
}

export function list<T>(check: Check<T>, maxLength: number): Check<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Malformed("not a list");
    if (value.length > maxLength) throw new Malformed(`a list of more than ${maxLength}`);
    return value.map((item) => check(item));
  };
}

/** An object with these fields; others are an error. */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Check<T[K]> }): Check<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Malformed("not an object");
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) throw new Malformed("a field that is not known");
    }
    const result: Partial<T> = {};
    for (const name of names) {
      const given = Object.hasOwn(value, name) ? (value as T)[name] : undefined;
      try {
        const checked = fields[name](given);
        if (checked !== undefined) result[name] = checked;
      } catch (error) {
        if (error instanceof Malformed) throw new Malformed(`${name}: ${error.message}`);
        throw error;
      }
    }
    return result as T;
  };
}

/** An object of one of several forms, told apart by its field `kind`. */
export function variant<T extends { readonly kind: string }>(
  forms: {
    readonly [K in T["kind"]]: Check<Extract<T, { readonly kind: K }>>;
  },
): Check<T> {
  return (value) => {
    const kind = (value as { readonly kind?: unknown } | null)?.kind;
    if (typeof kind !== "string" || !Object.hasOwn(forms, kind)) throw new Malformed("of no known kind");
    return forms[kind as T["kind"]](value);
  };
}
