/** @jsxImportSource preact */
/** What is in front of everything else until it is closed: the browser keeps the focus in it, and gives it back. */
import type { ComponentChildren, VNode } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "./icons.tsx";
import { failureText } from "./words.ts";

export function Dialog({
  title,
  onClose,
  children,
  kind = "",
  role,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  /** `sheet` at the side, or `picture`. */
  readonly kind?: "" | "sheet" | "picture";
  /** If it says that something is over, say. */
  readonly role?: "alertdialog";
}): VNode {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  const isGone = useRef(false);
  useLayoutEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    // Where there is something to write, one has come to write.
    dialog.querySelector<HTMLElement>("input:not([type=checkbox])")?.focus();
    return () => {
      isGone.current = true;
      dialog.close();
    };
  }, []);
  // Of its end it is told later, when another one may be in its place.
  const closed = () => {
    if (!isGone.current) onClose();
  };
  // At once, so that the next key is for what is behind it.
  const cancelled = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  const closeOutside = (event: MouseEvent) => {
    if (event.target === ref.current) onClose();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, as of any dialog
    <dialog
      ref={ref}
      class={kind}
      role={role}
      aria-labelledby={id}
      onCancel={cancelled}
      onClose={closed}
      onClick={closeOutside}
    >
      <div class="dialog-body">
        <header>
          <h2 id={id}>
            <bdi>{title}</bdi>
          </h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** What a form or a button does, with what came of it. */
export interface Action {
  readonly isBusy: boolean;
  readonly failure: string | undefined;
  /** Resolves to whether it has worked. */
  run(act: () => Promise<unknown>): Promise<boolean>;
  /** Forgets the failure. */
  clear(): void;
}

/** @param words for codes that mean something special here */
export function useAction(words?: Readonly<Record<string, string>>): Action {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const run = async (act: () => Promise<unknown>) => {
    setBusy(true);
    setFailure(undefined);
    try {
      await act();
      return true;
    } catch (error) {
      setFailure(failureText(error, words));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, failure, run, clear: () => setFailure(undefined) };
}

/** Said at once to those who do not see it. */
export function Failure({ text }: { readonly text: string | undefined }): VNode {
  return (
    <div class="failure" role="alert">
      {text}
    </div>
  );
}
