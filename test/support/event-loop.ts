/** Waits for `count` turns of the event loop, in which callbacks, I/O and promises run. */
export async function waitTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
  }
}
