/** What streams fail with. */
import { SealgramError } from "../errors.ts";

/** A stream failed, or was given up by either side. In the shape of WebTransportError. */
export class StreamError extends SealgramError {
  override readonly name: string = "StreamError";
  /** As WebTransportError has it. */
  readonly source = "stream" as const;
  /** What the side that gave it up has said, from 0 to 2^32 - 1. */
  readonly streamErrorCode: number;

  constructor(message: string, streamErrorCode = 0, code = "stream_error") {
    super(code, message);
    if (streamErrorCode >>> 0 !== streamErrorCode) {
      throw new RangeError(`not a stream error code: ${streamErrorCode}`);
    }
    this.streamErrorCode = streamErrorCode;
  }
}
