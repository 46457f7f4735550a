/** The messages about a name that no command has. */
import { expect, test } from "bun:test";
import { resolveCommand } from "../../src/methods/commands.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const uid = process.getuid?.() ?? 0;

test("a path in place of a name is called so, and its last part is looked up", async () => {
  await using directory = await createTemporaryDirectory();
  const builtins = [{ name: "uptime", description: "shows it", run: () => Promise.resolve("") }];
  const sources = { directories: [directory.at("none")], builtins, uid };
  const errors = await Promise.all(
    ["/usr/bin/uptime", "../bin/sh", "/"].map((path) =>
      rejectionOf(resolveCommand(path, sources, () => true)),
    ),
  );
  const problem = "a command is called by its name, not by a path";
  expect(errors.map(({ message }) => message)).toEqual([
    `Cannot run "/usr/bin/uptime": ${problem}\nDid you mean "uptime"?`,
    `Cannot run "../bin/sh": ${problem}`,
    `Cannot run "/": ${problem}`,
  ]);
});

test("the message about an unknown name says where it was looked up", async () => {
  const sources = { directories: [], builtins: [], uid };
  const messageAt = async (role: "host" | "guest") =>
    (await rejectionOf(resolveCommand("reboot", { ...sources, role }, () => true))).message;
  expect(await messageAt("host")).toEndWith("it is not a command of negotiator on the host");
  expect(await messageAt("guest")).toEndWith("it is not a command of negotiator in the guest");
});
