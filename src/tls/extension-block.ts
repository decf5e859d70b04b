/** How a block of extensions is read and written, whatever extensions the message at hand has (RFC 9846 §4.3). */
import type { Bytes } from "../core/bytes.ts";
import type { AlertName } from "../errors.ts";
import { ExtensionType } from "./codepoints.ts";
import { fault, Reader, type Writer } from "./wire.ts";

/** An extension that is not decoded. */
export interface RawExtension {
  readonly type: number;
  readonly data: Bytes;
}

/** What every block can hold besides the extensions that its message decodes. */
export interface Extensions {
  /** Extensions that are unknown, or of no use here: in the order of the message. */
  readonly unknown?: readonly RawExtension[];
}

/** The contents of one extension in one kind of message. */
export interface ExtensionCodec<T> {
  readonly type: ExtensionType;
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

type Fields<E extends Extensions> = Exclude<keyof E, "unknown"> & string;

export type ExtensionCodecs<E extends Extensions> = {
  readonly [K in Fields<E>]-?: ExtensionCodec<NonNullable<E[K]>>;
};

const recognized: ReadonlySet<number> = new Set(Object.values(ExtensionType));

/**
 * The extensions of one kind of message: those of a request, where the receiver ignores what it does not
 * know, or those of a response, which holds nothing that was not asked for.
 */
export class ExtensionBlock<E extends Extensions> {
  readonly #codecs: readonly (readonly [Fields<E>, ExtensionCodec<unknown>])[];
  readonly #byType: ReadonlyMap<number, readonly [Fields<E>, ExtensionCodec<unknown>]>;
  readonly #ignored: ReadonlySet<number>;
  readonly #duplicateAlert: AlertName;

  /**
   * @param codecs written in this order, behind `unknown`
   * @param ignored recognized types that may appear in this message, and say nothing that is used
   * @param duplicateAlert the standard asks for none in particular; peers are tested against these
   */
  constructor(
    codecs: ExtensionCodecs<E>,
    ignored: readonly ExtensionType[] = [],
    duplicateAlert: AlertName = "illegal_parameter",
  ) {
    this.#codecs = Object.entries(codecs) as [Fields<E>, ExtensionCodec<unknown>][];
    this.#byType = new Map(this.#codecs.map((entry) => [entry[1].type, entry]));
    this.#ignored = new Set(ignored);
    this.#duplicateAlert = duplicateAlert;
  }

  /** The types of the extensions that are present. */
  types(extensions: E): Set<number> {
    const types = new Set(extensions.unknown?.map(({ type }) => type));
    for (const [field, { type }] of this.#codecs) {
      if (extensions[field] !== undefined) types.add(type);
    }
    return types;
  }

  write(writer: Writer, extensions: E): void {
    writer.vector(2, (block) => {
      for (const { type, data } of extensions.unknown ?? []) block.u16(type).opaque(2, data);
      for (const [field, codec] of this.#codecs) {
        const value = extensions[field];
        if (value === undefined) continue;
        block.u16(codec.type).vector(2, (contents) => codec.write(contents, value));
      }
    });
  }

  /** The raw extensions of a block; throws if a type appears twice. */
  split(reader: Reader): RawExtension[] {
    const block = reader.vector(2);
    const raw: RawExtension[] = [];
    const seen = new Set<number>();
    while (block.remaining > 0) {
      const type = block.u16();
      if (seen.has(type)) {
        throw fault(this.#duplicateAlert, "duplicate_extension", `extension ${type} appears twice`);
      }
      seen.add(type);
      raw.push({ type, data: block.opaque(2) });
    }
    return raw;
  }

  /** Decodes the extensions of a request. */
  readRequest(raw: readonly RawExtension[]): E {
    return this.#decode(raw, undefined);
  }

  /**
   * Decodes the extensions of a response.
   * @param offered the types that this endpoint sent in the message it answers
   */
  readResponse(raw: readonly RawExtension[], offered: ReadonlySet<number>): E {
    return this.#decode(raw, offered);
  }

  #decode(raw: readonly RawExtension[], offered: ReadonlySet<number> | undefined): E {
    const fields: Record<string, unknown> = {};
    const unknown: RawExtension[] = [];
    for (const extension of raw) {
      const { type } = extension;
      if (offered !== undefined && !offered.has(type)) {
        throw fault("unsupported_extension", "unexpected_extension", `extension ${type} was not asked for`);
      }
      const entry = this.#byType.get(type);
      if (entry !== undefined) {
        const contents = new Reader(extension.data);
        fields[entry[0]] = entry[1].read(contents);
        contents.end();
      } else if (recognized.has(type) && !this.#ignored.has(type)) {
        throw fault("illegal_parameter", "unexpected_extension", `extension ${type} is not for this message`);
      } else if (offered === undefined) {
        unknown.push(extension);
      } else {
        throw fault("unsupported_extension", "unexpected_extension", `extension ${type} is unknown`);
      }
    }
    if (unknown.length > 0) fields.unknown = unknown;
    return fields as E;
  }
}
