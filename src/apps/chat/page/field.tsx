/** @jsxImportSource preact */
/** Fields of forms, with what they are called and what is to be known of them. */
import type { ComponentChildren, VNode } from "preact";
import { useId } from "preact/hooks";

export function Field({
  label,
  hint,
  children,
}: {
  readonly label: string;
  readonly hint?: string;
  /** @param ids of the field, and of what describes it */
  readonly children: (ids: { id: string; "aria-describedby"?: string }) => ComponentChildren;
}): VNode {
  const id = useId();
  const described = hint === undefined ? {} : { "aria-describedby": `${id}-hint` };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, ...described })}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

const LEAST_PASSWORD = 8;

export function NewPassword({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}): VNode {
  return (
    <Field
      label={label}
      hint={`${LEAST_PASSWORD} characters or more. It is never sent to the server, not even encrypted.`}
    >
      {(ids) => (
        <input
          {...ids}
          type="password"
          name="new-password"
          autocomplete="new-password"
          required
          minLength={LEAST_PASSWORD}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
