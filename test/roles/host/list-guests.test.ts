/** Guests that have only the QEMU guest agent are not in the list, and the list says so. */
import { expect, test } from "bun:test";
import { PROGRAM } from "../../support/program.ts";
import { runProcess } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test.each([
  [["db1"], "1 guest has only the QEMU guest agent\nSee it"],
  [["db1", "db2"], "2 guests have only the QEMU guest agent\nSee them"],
])("of the guests %j none is listed, and the way to see them is said", async (names, problem) => {
  await using directory = await createTemporaryDirectory();
  const tables = names.map(
    (name) =>
      `[[guests]]\nname = "${name}"\nsocket = "${directory.at(name)}"\nport = "org.qemu.guest_agent.0"\n`,
  );
  const host = `[host]\nlibvirt = "no"\nqemu = "no"\ncontrol = "${directory.at("host.sock")}"\n`;
  const config = await directory.write("negotiator.toml", `${host}${tables.join("")}`);
  const run = (...words: string[]) =>
    runProcess([...PROGRAM, "host", "list-guests", "--config", config, ...words]);
  expect(await run()).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr: `negotiator: ${problem}: negotiator host list-guests --all\n`,
  });
  expect(await run("--all")).toMatchObject({ exitCode: 0, stdout: `${names.join("\n")}\n`, stderr: "" });
});
