/** Options as a program passes them: a name that is not known is a mistake, and `undefined` is the same as none. */

/** All names of a type of options, which the type checker keeps complete. */
export type Names<O> = Readonly<Record<keyof O, 1>>;

/**
 * @param of whose options they are, for people
 * @throws TypeError for what is no object, and for an option that is not known, by its name
 */
export function checkOptions<O extends object>(of: string, options: O, names: Names<O>): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`${of} takes its options as an object`);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(names, name))
      throw new TypeError(`${of} has no option ${name}; there are ${Object.keys(names).join(", ")}`);
  }
}

/** Some of a set of options. */
export type Some<O> = { readonly [Name in keyof O]?: O[Name] | undefined };

/**
 * The defaults, but for those that are given.
 * @throws as {@link checkOptions}
 */
export function withDefaults<O extends object>(of: string, defaults: O, given: Some<O> = {}): O {
  checkOptions<object>(of, given, defaults as object as Names<object>);
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) };
}
