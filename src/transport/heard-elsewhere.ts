/**
 * Marks promises whose rejection says no more than something else does: a runtime's connection rejects `ready`, `closed`,
 * and those of its streams when its peer vanishes, and each that has no handler ends a process.
 */
export function heardElsewhere(...promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => {});
}
