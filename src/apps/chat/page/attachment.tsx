/** @jsxImportSource preact */
/** A file in a message: to be saved, and as a picture if it is one. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AttachmentInfo, ChatRoom, MessageItem } from "../client/entry.ts";
import { Dialog, Failure } from "./dialog.tsx";
import { Icon, IconButton } from "./icons.tsx";
import { fetchFile, isPicture, pictureOf, saveFile } from "./pictures.ts";
import { failureText, sizeText } from "./words.ts";

type Shown = NonNullable<MessageItem["attachment"]>;

export function Attachment({
  room,
  attachment,
  uploadedBytes,
  onCancel,
}: {
  readonly room: ChatRoom;
  readonly attachment: Shown;
  /** While it is uploaded. */
  readonly uploadedBytes: number | undefined;
  /** Gives the upload up. */
  readonly onCancel: () => void;
}): VNode {
  const { id, name, type, bytes } = attachment;
  const isThere = id !== undefined;
  return (
    <div class="attachment">
      {isThere && isPicture(attachment) && <Picture room={room} info={{ id, name, type, bytes }} />}
      <div class="file">
        <Icon name="file" />
        <span class="file-name">
          <bdi>{name}</bdi>
          <span class="quiet">{sizeText(bytes)}</span>
        </span>
        {isThere ? (
          <Save room={room} info={{ id, name, type, bytes }} />
        ) : (
          uploadedBytes !== undefined && (
            <>
              <progress max={Math.max(bytes, 1)} value={uploadedBytes} aria-label={`Sending ${name}`} />
              <IconButton icon="close" label={`Cancel: Sending ${name}`} onClick={onCancel} />
            </>
          )
        )}
      </div>
    </div>
  );
}

function Save({ room, info }: { readonly room: ChatRoom; readonly info: AttachmentInfo }): VNode {
  const [received, setReceived] = useState<number>();
  const [failure, setFailure] = useState<string>();
  const giving = useRef<AbortController>(undefined);
  const save = async () => {
    giving.current = new AbortController();
    const { signal } = giving.current;
    const tell = (bytes: number | undefined) => {
      if (!signal.aborted) setReceived(bytes);
    };
    setFailure(undefined);
    tell(0);
    try {
      saveFile(await fetchFile(room, info.id, tell, signal), info.name);
    } catch (error) {
      if (!signal.aborted) setFailure(failureText(error));
    }
    tell(undefined);
  };
  const cancel = () => {
    giving.current?.abort();
    setReceived(undefined);
  };
  const what = `Receiving ${info.name}`;
  const isComing = received !== undefined;
  return (
    <>
      {isComing && <progress max={Math.max(info.bytes, 1)} value={received} aria-label={what} />}
      <IconButton
        icon={isComing ? "close" : "download"}
        label={isComing ? `Cancel: ${what}` : `Save ${info.name}`}
        onClick={isComing ? cancel : () => void save()}
      />
      <Failure text={failure} />
    </>
  );
}

/** Loaded when it comes into sight, into a box that is as large from the beginning. */
function Picture({ room, info }: { readonly room: ChatRoom; readonly info: AttachmentInfo }): VNode | null {
  const box = useRef<HTMLButtonElement>(null);
  const [url, setUrl] = useState<string>();
  const [isBroken, setBroken] = useState(false);
  const [isLarge, setLarge] = useState(false);
  useEffect(() => {
    let made: string | undefined;
    let isGone = false;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        observer.disconnect();
        pictureOf(room, info).then(
          (blob) => {
            if (isGone) return;
            made = URL.createObjectURL(blob);
            setUrl(made);
          },
          () => setBroken(true),
        );
      },
      { rootMargin: "300px" },
    );
    if (box.current !== null) observer.observe(box.current);
    return () => {
      isGone = true;
      observer.disconnect();
      if (made !== undefined) URL.revokeObjectURL(made);
    };
  }, [room, info.id]);
  if (isBroken) return <p class="quiet">This picture cannot be shown. It can be saved.</p>;
  return (
    <>
      <button
        ref={box}
        type="button"
        class="picture"
        aria-label={`Show ${info.name} large`}
        disabled={url === undefined}
        onClick={() => setLarge(true)}
      >
        {url !== undefined && <img src={url} alt="" decoding="async" onError={() => setBroken(true)} />}
      </button>
      {isLarge && (
        <Dialog title={info.name} kind="picture" onClose={() => setLarge(false)}>
          <img src={url} alt="" />
        </Dialog>
      )}
    </>
  );
}
