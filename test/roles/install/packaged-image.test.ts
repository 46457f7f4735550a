/** An installation into an image that has the program in a package, and its removal, in this process. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, lstat, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { install } from "../../../src/roles/install/install.ts";
import type { InstallOptions } from "../../../src/roles/install/install.ts";
import { formatFirstConfig } from "../../../src/roles/install/first-config.ts";
import { uninstall } from "../../../src/roles/install/uninstall.ts";
import type { UninstallOptions } from "../../../src/roles/install/uninstall.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createImage, treeOf } from "../../support/image.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { TEST_TIMEOUT_MS } from "../../support/timeouts.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const CONFIG = "etc/negotiator/negotiator.toml";
const LIST = "var/lib/negotiator/install-guest.json";
const SCRIPT = "etc/init.d/negotiator-guest";
const LEVELS = ["0.d/K", "1.d/K", "2.d/S", "3.d/S", "4.d/S", "5.d/S", "6.d/K"];

/** An image with sysvinit and the package of Debian. Its program is a script, which needs no loader. */
async function createPackaged(manager: "sysv" | "runit" | "systemd" = "sysv"): Promise<TemporaryDirectory> {
  const image = await createImage(manager);
  await chmod(await image.write("usr/bin/negotiator", "#!/bin/sh\n"), 0o755);
  await image.write("var/lib/dpkg/info/negotiator.list", "/usr/bin/negotiator\n");
  return image;
}

async function add({ path: root }: TemporaryDirectory, given: Partial<InstallOptions> = {}): Promise<string> {
  const asked = { isDryRun: false, isJson: false, isForced: false, stopsOld: false, mayAsk: false };
  const options = { manager: undefined, manual: [], starts: true, qga: undefined, control: "/nowhere" };
  const all: InstallOptions = { role: "guest", root, ...asked, ...options, ...given };
  return (await spyOnOutput(() => install(all))).stdout;
}

async function remove(
  { path: root }: TemporaryDirectory,
  given: Partial<UninstallOptions> = {},
): Promise<string> {
  const asked = { isDryRun: false, isJson: false, isForced: false, purges: false };
  return (await spyOnOutput(() => uninstall({ role: "guest", root, ...asked, ...given }))).stdout;
}

/** Returns the words before the reasons of the steps that did `what`. */
function placesOf(what: string, text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) => (line.startsWith(`${what} `) ? [line.split("  (")[0] ?? ""] : []))
    .map((line) => line.slice(10));
}

function testAsRoot(title: string, body: () => Promise<void>): void {
  test.skipIf(!IS_ROOT)(`${title} (needs root)`, body, TEST_TIMEOUT_MS);
}

describe("install", () => {
  testAsRoot("makes the service, its links, the settings and the group, and no program", async () => {
    await using image = await createPackaged();
    const stdout = await add(image);
    const links = LEVELS.map((level) => `/etc/rc${level}20negotiator-guest`);
    expect(placesOf("made", stdout).toSorted()).toEqual(
      [
        `/${SCRIPT}`,
        `/${CONFIG}`,
        `/${LIST}`,
        ...links,
        "/etc/negotiator/commands",
        "/var/lib/negotiator",
        "/var/log/negotiator",
      ].toSorted(),
    );
    expect(placesOf("changed", stdout)).toEqual(["/etc/group"]);
    expect(stdout).toContain("The dpkg package has the program and the service.");
    expect(stdout).toEndWith(`Installed in ${image.path}\n`);
    const tree = await treeOf(image.path);
    expect(tree["etc/rc2.d/S20negotiator-guest"]).toBe("-> ../init.d/negotiator-guest");
    expect(Object.keys(tree)).not.toContain("usr/local/bin/negotiator");
    expect((await lstat(image.at(SCRIPT))).mode & 0o777).toBe(0o755);
    expect(await readFile(image.at(SCRIPT), "utf8")).toContain("/usr/bin/negotiator");
    expect(await readFile(image.at(CONFIG), "utf8")).toBe(formatFirstConfig());
    expect(await readFile(image.at("etc/group"), "utf8")).toEndWith("\nnegotiator:x:998:\n");
    expect(JSON.parse(await readFile(image.at(LIST), "utf8"))).toMatchObject({
      manager: "sysv",
      groups: ["negotiator"],
      files: { [`/${SCRIPT}`]: expect.any(String) },
    });
  });

  testAsRoot("of a package with its unit makes only the links to that unit", async () => {
    await using image = await createPackaged("systemd");
    await add(image);
    const tree = await treeOf(image.path);
    expect(tree["etc/systemd/system/multi-user.target.wants/negotiator-guest.service"]).toBe(
      "-> /usr/lib/systemd/system/negotiator-guest.service",
    );
    expect(Object.keys(tree)).not.toContain("etc/systemd/system/negotiator-guest.service");
  });

  testAsRoot("of a manager that was asked for, or of none", async () => {
    await using image = await createPackaged();
    expect(placesOf("made", await add(image, { manager: "supervisord", isDryRun: true }))).toEqual([]);
    const asked: unknown = JSON.parse(await add(image, { manager: "runit", isDryRun: true, isJson: true }));
    expect(asked).toMatchObject({ manager: "runit", dryRun: true, packaged: "dpkg", daemon: "not started" });
    await rm(image.at("etc/init.d"), { recursive: true });
    const none = await add(image);
    expect(none).toContain(
      "No service manager was found. Start the daemon yourself: /usr/bin/negotiator guest daemon\n",
    );
    expect(await readFile(image.at(LIST), "utf8")).toContain('"manager": "none"');
  });

  testAsRoot("changes nothing the second time, and nothing in a dry run, which prints shell", async () => {
    await using image = await createPackaged();
    const empty = await treeOf(image.path);
    const shell = await add(image, { isDryRun: true });
    expect(shell).toContain("# the settings\ninstall -D -m 644 /dev/stdin ");
    expect(await treeOf(image.path)).toEqual(empty);
    await add(image);
    const before = await treeOf(image.path);
    const again = await add(image);
    expect(again).not.toMatch(/^(?:made|replaced|changed|ran)/m);
    expect(again).toContain(`kept      /${SCRIPT}  (it is there already)\n`);
    expect(await treeOf(image.path)).toEqual(before);
  });

  testAsRoot("keeps a changed service until it is forced, and a changed config always", async () => {
    await using image = await createPackaged();
    await add(image);
    await writeFile(image.at(SCRIPT), "# mine\n");
    await writeFile(image.at(CONFIG), "drainSeconds = 1\n");
    expect(await add(image)).toContain(`kept      /${SCRIPT}  (it was changed since; --force replaces it)\n`);
    expect(await readFile(image.at(SCRIPT), "utf8")).toBe("# mine\n");
    expect(placesOf("replaced", await add(image, { isForced: true }))).toEqual([`/${SCRIPT}`]);
    expect(await readFile(image.at(CONFIG), "utf8")).toBe("drainSeconds = 1\n");
  });

  testAsRoot("refuses a file of others before it changes anything", async () => {
    await using image = await createPackaged();
    await image.write(SCRIPT, "# of others\n");
    const before = await treeOf(image.path);
    const { message } = await rejectionOf(add(image));
    expect(message).toStartWith(`Cannot install: files of others are in the way: ${image.at(SCRIPT)}\n`);
    expect(await treeOf(image.path)).toEqual(before);
  });

  testAsRoot("refuses a package whose program cannot run there, and names the package", async () => {
    await using image = await createPackaged();
    await writeFile(image.at("usr/bin/negotiator"), "\u007fELF");
    const { code, message } = await rejectionOf(add(image));
    expect(code).toBe("UNSUPPORTED");
    expect(message).toStartWith("Cannot install: /usr/bin/negotiator of the dpkg package cannot run there: ");
  });
});

describe("uninstall", () => {
  testAsRoot("with --purge removes all that install has made, and the group stays in an image", async () => {
    await using image = await createPackaged();
    const before = Object.keys(await treeOf(image.path));
    await add(image);
    await image.write("var/lib/negotiator/guest/state", "");
    await image.write("var/log/negotiator-guest.log", "");
    const stdout = await remove(image, { purges: true });
    const left = Object.keys(await treeOf(image.path)).filter((path) => !before.includes(path));
    expect(left.filter((path) => path.includes("negotiator"))).toEqual([]);
    expect(placesOf("kept", stdout)).toEqual(["group negotiator"]);
    expect(stdout).toContain("kept      group negotiator  (its members may use the daemon)\n");
    expect(placesOf("removed", stdout)).toEqual(
      expect.arrayContaining([`/${CONFIG}`, "/var/lib/negotiator/guest", "/var/log/negotiator-guest.log"]),
    );
    expect(placesOf("removed", stdout)).toContain("/etc/negotiator");
    expect(stdout).toContain("The dpkg package stays: remove it with apt-get remove negotiator\n");
    expect(stdout).toEndWith("Uninstalled\n");
  });

  testAsRoot("without --purge keeps the settings, and a list of the group that is left", async () => {
    await using image = await createPackaged();
    await add(image);
    await image.write("etc/negotiator/policy.toml", "");
    await image.write("var/lib/negotiator/guest/state", "");
    const stdout = await remove(image);
    expect(placesOf("kept", stdout)).toEqual([
      "group negotiator",
      `/${CONFIG}`,
      "/etc/negotiator/policy.toml",
    ]);
    expect(stdout).toContain("(its members may use the daemon; --purge removes it)");
    expect(placesOf("replaced", stdout)).toEqual([`/${LIST}`]);
    expect(JSON.parse(await readFile(image.at(LIST), "utf8"))).toMatchObject({
      files: {},
      links: {},
      groups: ["negotiator"],
    });
    const tree = Object.keys(await treeOf(image.path));
    expect(tree).toContain("var/lib/negotiator/guest/state");
    expect(tree).not.toContain("etc/negotiator/commands");
    expect(placesOf("replaced", await remove(image))).toEqual([]);
    await remove(image, { purges: true });
    expect(Object.keys(await treeOf(image.path))).not.toContain(LIST);
  });

  testAsRoot("in a dry run removes nothing, and prints shell", async () => {
    await using image = await createPackaged();
    await add(image);
    const before = await treeOf(image.path);
    expect(await remove(image, { isDryRun: true })).toContain(`rm -rf ${image.at(SCRIPT)}\n`);
    expect(await treeOf(image.path)).toEqual(before);
  });

  testAsRoot("keeps a changed file and what is in the place of a link", async () => {
    await using image = await createPackaged();
    await add(image);
    await writeFile(image.at(SCRIPT), "# mine\n");
    await rm(image.at("etc/rc2.d/S20negotiator-guest"));
    await image.write("etc/rc2.d/S20negotiator-guest", "");
    const stdout = await remove(image);
    expect(stdout).toContain(`kept      /${SCRIPT}  (it was changed since; --force removes it)\n`);
    expect(placesOf("removed", stdout)).not.toContain("/etc/rc2.d/S20negotiator-guest");
  });

  testAsRoot("that is forced removes a changed file, and keeps what is not a file", async () => {
    await using image = await createPackaged();
    await add(image);
    await writeFile(image.at(SCRIPT), "# mine\n");
    expect(placesOf("removed", await remove(image, { isForced: true }))).toContain(`/${SCRIPT}`);
    await add(image);
    await rm(image.at(SCRIPT));
    await mkdir(image.at(SCRIPT));
    expect(placesOf("kept", await remove(image, { isForced: true }))).toContain(`/${SCRIPT}`);
  });

  testAsRoot(
    "of one role leaves the settings and the group to the other, and the last takes them",
    async () => {
      await using image = await createPackaged();
      await add(image);
      await add(image, { role: "host" });
      const first = await remove(image, { role: "host", purges: true });
      expect(placesOf("removed", first)).not.toContain(`/${CONFIG}`);
      expect(placesOf("removed", first)).not.toContain("/etc/negotiator");
      const tree = Object.keys(await treeOf(image.path));
      expect(tree).toEqual(expect.arrayContaining([CONFIG, LIST, SCRIPT, "etc/negotiator/commands"]));
      expect(tree).not.toContain("etc/init.d/negotiator-host");
      await remove(image, { purges: true });
      expect(Object.keys(await treeOf(image.path)).filter((path) => /lib\/negotiator/.test(path))).toEqual(
        [],
      );
    },
  );

  testAsRoot("switches the settings back that made the daemon the guest agent", async () => {
    await using image = await createPackaged();
    await add(image);
    await writeFile(image.at(CONFIG), formatFirstConfig("yes"));
    expect(await remove(image)).toContain(`replaced  /${CONFIG}  (guest.qga is off again)\n`);
    expect(await readFile(image.at(CONFIG), "utf8")).toBe(formatFirstConfig());
    await add(image);
    await writeFile(image.at(CONFIG), "drainSeconds = 1\n");
    expect(await remove(image)).not.toContain(`replaced  /${CONFIG}`);
  });

  testAsRoot("removes the state that runit keeps beside the service", async () => {
    await using image = await createPackaged("runit");
    await add(image);
    await image.write("etc/sv/negotiator-guest/supervise/pid", "");
    expect(placesOf("removed", await remove(image))).toContain("/etc/sv/negotiator-guest/supervise");
    expect(Object.keys(await treeOf(image.path)).join()).not.toContain("negotiator-guest/");
  });

  testAsRoot("removes nothing where a user of the image could put a link, and says where", async () => {
    await using image = await createPackaged();
    await add(image);
    await chown(image.at("etc/init.d"), 1000, 1000);
    const before = await treeOf(image.path);
    const error = await rejectionOf(remove(image));
    expect(error.code).toBe("DENIED");
    expect(error.message).toStartWith(`Cannot remove "/${SCRIPT}": `);
    expect(await treeOf(image.path)).toEqual(before);
  });

  testAsRoot("of nothing says so, and as JSON has the facts", async () => {
    await using image = await createPackaged();
    expect(await remove(image)).toEndWith("Nothing to remove: install has put nothing here\n");
    expect(JSON.parse(await remove(image, { isJson: true, isDryRun: true }))).toMatchObject({
      role: "guest",
      root: image.path,
      dryRun: true,
      packaged: "dpkg",
      steps: [],
    });
  });
});
