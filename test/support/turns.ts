/** Gives everything else its turn: callbacks, input and output, promises. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
  }
}
