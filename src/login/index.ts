/** Logging in by passwords: registration, the records of a server, and the throttle against guessing. */

export { defaultIterations, minIterations } from "../crypto/password-input.ts";
export { addressGroup } from "../transport/address.ts";
export {
  type PasswordAuth,
  type PasswordContext,
  type PasswordOptions,
  password,
  type Revocation,
} from "./password.ts";
export {
  fromStored,
  type PasswordRecord,
  type RegisterOptions,
  register,
  type StoredRecord,
  toStored,
} from "./record.ts";
export { clientPake, type LoginNames, respondWith } from "./spake2plus.ts";
export { MemoryRecordStore, type RecordBook, type RecordListener, type RecordStore } from "./store.ts";
export { type LoginAttempt, LoginThrottle, type ThrottleOptions } from "./throttle.ts";
export { type PasswordServerOptions, passwordServer } from "./verifier.ts";
