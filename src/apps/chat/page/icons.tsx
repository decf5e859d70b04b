/** @jsxImportSource preact */
/** Icons of one stroke, in the colour of the text. What they mean is said beside them. */
import type { VNode } from "preact";

const PATHS = {
  seal: "M12 2.8 19 5.4v5.4c0 4.6-2.9 8-7 10.4-4.1-2.4-7-5.8-7-10.4V5.4zM8.8 12l2.3 2.3 4.3-4.6",
  lock: "M6.5 10.5h11a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1zM8.5 10.5V7.2a3.5 3.5 0 0 1 7 0v3.3",
  menu: "M4 7h16M4 12h16M4 17h16",
  search: "M10.8 17.6a6.8 6.8 0 1 0 0-13.6 6.8 6.8 0 0 0 0 13.6zM15.8 15.8 20 20",
  plus: "M12 5v14M5 12h14",
  people:
    "M9 11.2a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8zM2.8 19.4c.4-3.2 2.9-5.2 6.2-5.2s5.8 2 6.2 5.2M16 4.9a3.2 3.2 0 0 1 0 6M18 14.7c1.8.7 3 2.3 3.2 4.7",
  invite:
    "M9.5 11.2a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8zM3.3 19.4c.4-3.2 2.9-5.2 6.2-5.2 3.3 0 5.8 2 6.2 5.2M18.5 7.5v6M15.5 10.5h6",
  attach:
    "m19.5 11.6-7.6 7.5a4.8 4.8 0 0 1-6.8-6.8l7.9-7.8a3.2 3.2 0 0 1 4.5 4.5l-7.7 7.6a1.6 1.6 0 0 1-2.3-2.2l7-7",
  send: "M4.5 12 3.6 4.6a.6.6 0 0 1 .9-.6l16 7.5a.6.6 0 0 1 0 1L4.5 20a.6.6 0 0 1-.9-.6zM4.5 12H12",
  reply: "M9.5 6 4 11.5 9.5 17M4.5 11.5H14a6 6 0 0 1 6 6v.5",
  edit: "m5 15.5-.9 4.4 4.4-.9L19.6 7.9a1.6 1.6 0 0 0 0-2.3l-1.2-1.2a1.6 1.6 0 0 0-2.3 0zM14 6.5 17.5 10",
  remove: "M5 7h14M10 4h4M7 7l.8 12a1 1 0 0 0 1 1h6.4a1 1 0 0 0 1-1L17 7M10.5 10.5v6M13.5 10.5v6",
  close: "M6 6l12 12M18 6 6 18",
  file: "M7 3.5h6.5L18.5 8.5V19.5a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1zM13.5 3.5v5h5",
  download: "M12 4v11M7.5 10.8 12 15.3l4.5-4.5M5 19.5h14",
  down: "M6 9.5l6 6 6-6",
  leave: "M14 4.5H6.5a1 1 0 0 0-1 1v13a1 1 0 0 0 1 1H14M11 12h9.5M17 8.3l3.7 3.7-3.7 3.7",
  help: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM9.6 9.4a2.5 2.5 0 0 1 4.9.6c0 1.7-2.5 2-2.5 3.8M12 16.9v.1",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2.5 12.8 6.7 17l8.8-9.2M11.2 15.9l1.1 1.1 9-9.2",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.5V12l3 2",
  alert: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.5v5.5M12 16.4v.1",
  copy: "M8.5 8.5h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-10a1 1 0 0 1-1-1v-10a1 1 0 0 1 1-1zM4.5 15.5v-10a1 1 0 0 1 1-1h10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A button that is an icon, with its name for those who do not see it, and for those who point at it. */
export function IconButton({
  icon,
  label,
  onClick,
  class: kind = "",
  ...rest
}: {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick?: (event: MouseEvent) => void;
  readonly class?: string;
  readonly disabled?: boolean;
  readonly tabIndex?: number;
  readonly type?: "button" | "submit";
  readonly "aria-expanded"?: boolean;
  readonly "aria-keyshortcuts"?: string;
}): VNode {
  return (
    <button
      type="button"
      class={`icon-button ${kind}`}
      aria-label={label}
      title={label}
      onClick={onClick}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}
