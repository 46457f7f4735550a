/** Makes a socket file without a listener, as a killed QEMU leaves it. */
import { linkSync } from "node:fs";
import { createServer } from "node:net";

/** Makes the file at `path`. A dial there gets ECONNREFUSED. */
export async function createDeadSocket(path: string): Promise<void> {
  const bound = `${path}.bound`;
  const server = createServer();
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(bound, resolve);
  await listening;
  // The server removes the name under which it was bound, but not this one.
  linkSync(bound, path);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  server.close(() => close());
  await closed;
}
