/** The URI for a virsh without one, where only the modular daemon of libvirt runs. */
import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { chooseUri } from "../../src/discovery/default-uri.ts";
import { virshWords } from "../../src/discovery/libvirt/virsh.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const SYSTEM = "qemu:///system";

/** Listens at a path; disposal stops that, and removes the socket. */
function listen(path: string): Promise<AsyncDisposable> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<AsyncDisposable>();
  const close = (): Promise<void> => new Promise((end) => server.close(() => end()));
  server.listen(path, () => resolve({ [Symbol.asyncDispose]: close }));
  return promise;
}

test("without libvirtd, virtqemud is asked by its URI; with the usual socket libvirt chooses", async () => {
  await using directory = await createTemporaryDirectory();
  const place = { run: directory.path, config: directory.at("libvirt.conf"), isRoot: true };
  expect(chooseUri(place)).toBeUndefined();
  await using _ = await listen(directory.at("virtqemud-sock-ro"));
  expect(chooseUri(place)).toBe(SYSTEM);
  // A libvirtd that was killed leaves its file.
  const usual = directory.at("libvirt-sock-ro");
  await Bun.write(usual, "");
  expect(chooseUri(place)).toBe(SYSTEM);
  await Bun.file(usual).delete();
  const libvirtd = await listen(usual);
  expect(chooseUri(place)).toBeUndefined();
  await libvirtd[Symbol.asyncDispose]();
  expect(chooseUri(place)).toBe(SYSTEM);
});

test("a URI of libvirt's config stays its choice, and other users have their own libvirt", async () => {
  await using directory = await createTemporaryDirectory();
  const config = directory.at("libvirt.conf");
  const place = { run: directory.path, config, isRoot: true };
  await using _ = await listen(directory.at("virtqemud-sock-ro"));
  expect(chooseUri({ ...place, isRoot: false })).toBeUndefined();
  await Bun.write(config, '#uri_default = "qemu:///system"\n');
  expect(chooseUri(place)).toBe(SYSTEM);
  await Bun.write(config, 'uri_default = "test:///default"\n');
  expect(chooseUri(place)).toBeUndefined();
});

test("a URI that was given is taken as it is", () => {
  expect(virshWords("qemu:///session", ["list"])).toContain("--connect=qemu:///session");
});
