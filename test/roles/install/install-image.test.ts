/** Installs into small images as root: what is made, kept, refused and removed. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, cp, lstat, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serviceFile } from "../../../src/roles/install/service-files.ts";
import { hostBinary } from "../../support/binary.ts";
import { createImage, IMAGE_SIGNS, installInto, treeOf } from "../../support/image.ts";
import { runProcess } from "../../support/program-run.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { TEST_TIMEOUT_MS } from "../../support/timeouts.ts";

const UNIT = "etc/systemd/system/negotiator-guest.service";
const PROGRAM = "usr/local/bin/negotiator";
const CONFIG = "etc/negotiator/negotiator.toml";
const IS_ROOT = process.getuid?.() === 0;

/** A test of an installation as root. */
function testInstall(title: string, body: () => Promise<void>): void {
  test.skipIf(!IS_ROOT)(`${title} (needs root)`, body, TEST_TIMEOUT_MS);
}

describe("install --root", () => {
  testInstall("makes program, service, group, config and directories", async () => {
    await using image = await createImage("systemd");
    const { exitCode, stderr, stdout } = await installInto(image);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`made      /${UNIT}  (the service)\n`);
    // A baseline build in dist/ would be taken first.
    expect((await runProcess([image.at(PROGRAM), "--version"])).stdout).toStartWith("negotiator ");
    expect(await readFile(image.at(UNIT), "utf8")).toBe(
      serviceFile("systemd", "guest", "/usr/local/bin/negotiator"),
    );
    const tree = await treeOf(image.path);
    expect(tree["usr/local/bin/negotiator-guest"]).toBe("-> negotiator");
    expect(tree["etc/systemd/system/multi-user.target.wants/negotiator-guest.service"]).toBe(`-> /${UNIT}`);
    expect(tree["usr/local/share/man/man1/negotiator-guest.1"]).toStartWith("644 ");
    expect(stdout).toMatch(/^made +\d+ manual pages and completions {2}\(for man and for the shell\)$/m);
    expect(tree["etc/negotiator/commands"]).toBe("755");
    expect(tree["var/log/negotiator"]).toBe("750");
    expect(await readFile(image.at("etc/group"), "utf8")).toBe(
      "root:x:0:\nsystem:x:999:\nnegotiator:x:998:\n",
    );
    // Nothing of this machine may be in an image that many machines start from.
    expect(Object.keys(tree).filter((path) => /machine-id|\.sock$|audit\.jsonl/.test(path))).toEqual([]);
  });

  testInstall("makes the same files as the lines of shell of --dry-run", async () => {
    await using first = await createImage("systemd");
    await using second = await createImage("systemd");
    const dry = await installInto(first, "--dry-run");
    expect(Object.keys(await treeOf(first.path))).not.toContain(PROGRAM);
    const shell = await runProcess(["/bin/sh", "-euc", dry.stdout]);
    expect(shell).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    await installInto(second);
    expect(await treeOf(first.path)).toEqual(await treeOf(second.path));
  });

  testInstall("changes nothing when it is repeated", async () => {
    await using image = await createImage("systemd");
    await installInto(image);
    const before = await lstat(image.at(PROGRAM));
    const { exitCode, stdout } = await installInto(image);
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/^(?:made|replaced|changed|ran)/m);
    expect((await lstat(image.at(PROGRAM))).ino).toBe(before.ino);
  });

  testInstall("with --image, all output names the image and not the directory of its mount", async () => {
    await using image = await createImage("systemd");
    await using tools = await createTemporaryDirectory();
    // The image is a directory, and these copy it.
    await writeFile(tools.at("guestmount"), '#!/bin/sh\ncp -a "$2/." "$4"\n', { mode: 0o755 });
    await writeFile(tools.at("guestunmount"), '#!/bin/sh\nfind "$1" -mindepth 1 -delete\n', { mode: 0o755 });
    const environment = { PATH: `${tools.path}:/usr/bin:/bin` };
    const command = [await hostBinary(), "guest", "install", "--image", image.path];
    const text = await runProcess(command, environment);
    expect(text.stdout).toEndWith(`\nInstalled in ${image.path}\n`);
    const json = await runProcess([...command, "--json"], environment);
    expect(JSON.parse(json.stdout)).toMatchObject({ root: image.path });
    await writeFile(image.at("etc/negotiator"), "");
    const wrong = await runProcess(command, environment);
    expect(wrong.exitCode).not.toBe(0);
    expect(wrong.stderr).toContain(image.path);
    expect(`${text.stdout}${json.stdout}${wrong.stderr}`).not.toContain("negotiator-image-");
  });

  testInstall("prints one JSON object with --json", async () => {
    await using image = await createImage("systemd");
    const { stdout } = await installInto(image, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      role: "guest",
      root: image.path,
      manager: "systemd",
      daemon: "not started",
      packaged: null,
      steps: expect.arrayContaining([
        { did: "made", what: `/${UNIT}`, why: "the service", command: expect.stringContaining("END") },
      ]),
    });
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  });

  testInstall("writes and removes nothing where a user of the image could put a link", async () => {
    await using image = await createImage("systemd");
    await installInto(image);
    const before = await treeOf(image.path);
    await chown(image.at("etc"), 1000, 1000);
    for (const words of [["--force"], ["--uninstall"]]) {
      const { exitCode, stderr } = await installInto(image, ...words);
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`"${image.at("etc")}" belongs to user 1000\n`);
    }
    expect(await treeOf(image.path)).toEqual(before);
  });

  testInstall("replaces an older program, and keeps a changed unit and config", async () => {
    await using image = await createImage("systemd");
    await installInto(image);
    await writeFile(image.at(PROGRAM), "\u007fELF older, negotiator-host-to-guest.0");
    await writeFile(image.at(UNIT), "[Unit]\n# mine\n");
    await writeFile(image.at(CONFIG), "drainSeconds = 1\n");
    const { exitCode, stdout } = await installInto(image);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`kept      /${UNIT}  (it was changed since; --force replaces it)\n`);
    expect(stdout).toContain(`replaced  /${PROGRAM}`);
    expect(await readFile(image.at(UNIT), "utf8")).toBe("[Unit]\n# mine\n");
    expect((await lstat(image.at(PROGRAM))).size).toBeGreaterThan(1_000_000);
    await installInto(image, "--force");
    expect(await readFile(image.at(UNIT), "utf8")).toContain("ExecStart=");
    expect(await readFile(image.at(CONFIG), "utf8")).toBe("drainSeconds = 1\n");
  });

  testInstall("refuses a file of others in its place, and replaces it with --force", async () => {
    await using image = await createImage("systemd");
    await image.write(PROGRAM, "#!/bin/sh\n");
    await image.write("usr/local/bin/negotiator-guest", "#!/usr/bin/python3\n");
    const before = await treeOf(image.path);
    const { exitCode, stderr } = await installInto(image);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        `negotiator: Cannot install: files of others are in the way: ${image.at(PROGRAM)}\n` +
        `Look at them: ls -ld ${image.at(PROGRAM)}\nMove them away, or replace files with --force\n`,
    });
    expect(await treeOf(image.path)).toEqual(before);
    await rm(image.at(PROGRAM));
    const { stdout } = await installInto(image);
    expect(stdout).toContain("kept      /usr/local/bin/negotiator-guest  (it belongs to others;");
    expect((await installInto(image, "--force")).exitCode).toBe(0);
    expect((await treeOf(image.path))["usr/local/bin/negotiator-guest"]).toBe("-> negotiator");
  });

  testInstall("names the masked service, also with --force", async () => {
    await using image = await createImage("systemd");
    await mkdir(image.at("etc/systemd/system"), { recursive: true });
    await symlink("/dev/null", image.at(UNIT));
    const { exitCode, stderr } = await installInto(image, "--force");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        'negotiator: Cannot install: the service "negotiator-guest" is masked\n' +
        "Allow it again: systemctl unmask negotiator-guest\n",
    });
  });

  testInstall(
    "adds the service to the lists of Debian's sysvinit once, and --uninstall takes it away",
    async () => {
      await using image = await createImage("sysv");
      const lists = { start: "TARGETS = cron rc.local\nrc.local: cron\n", stop: "TARGETS = halt\n" };
      for (const [name, text] of Object.entries(lists)) await image.write(`etc/init.d/.depend.${name}`, text);
      const read = (name: string): Promise<string> =>
        readFile(image.at(`etc/init.d/.depend.${name}`), "utf8");
      await installInto(image);
      await installInto(image);
      for (const [name, text] of Object.entries(lists))
        expect(await read(name)).toBe(`${text}TARGETS = negotiator-guest\n`);
      await installInto(image, "--uninstall");
      for (const [name, text] of Object.entries(lists)) expect(await read(name)).toBe(text);
    },
  );

  testInstall("follows links of the image inside the image", async () => {
    await using image = await createImage("systemd");
    await using outside = await createTemporaryDirectory();
    await mkdir(image.at("usr/local"), { recursive: true });
    await symlink(outside.path, image.at("usr/local/bin"));
    await symlink("../../../../../../../../../../..", image.at("etc/negotiator"));
    expect((await installInto(image)).exitCode).toBe(0);
    expect(await treeOf(outside.path)).toEqual({});
    expect((await lstat(join(image.path, outside.path, "negotiator"))).mode & 0o777).toBe(0o755);
    expect(await Bun.file(image.at("negotiator.toml")).exists()).toBe(true);
  });

  test.skipIf(!IS_ROOT).each(Object.keys(IMAGE_SIGNS))(
    "into an image with %s is undone by --uninstall --purge (needs root)",
    async (name) => {
      const manager = Object.keys(IMAGE_SIGNS)
        .filter(isManager)
        .find((each) => each === name);
      await using image = await createImage(manager);
      const before = await treeOf(image.path);
      const { stdout } = await installInto(image);
      const enabled = Object.entries(await treeOf(image.path)).filter(([path, text]) => {
        return text.startsWith("-> ") && path !== "usr/local/bin/negotiator-guest";
      });
      expect(enabled.length).toBeGreaterThan(0);
      expect(stdout).toContain("(the service)");
      expect((await installInto(image, "--uninstall", "--purge")).exitCode).toBe(0);
      const after = Object.entries(await treeOf(image.path));
      const left = after.filter(([path]) => before[path] === undefined).map(([path]) => path);
      // Directories of the system stay; none of them is ours.
      expect(left.filter((path) => path.includes("negotiator"))).toEqual([]);
      expect(await readFile(image.at("etc/group"), "utf8")).toContain("negotiator:x:998:");
    },
    TEST_TIMEOUT_MS,
  );
});

function isManager(name: string): name is keyof typeof IMAGE_SIGNS {
  return name in IMAGE_SIGNS;
}

describe("install --uninstall --root", () => {
  testInstall("keeps and names changed files, config, policy, commands and audit", async () => {
    await using image = await createImage("systemd");
    await installInto(image);
    await writeFile(image.at(UNIT), "[Unit]\n# mine\n");
    await image.write("etc/negotiator/policy.toml", "");
    await image.write("etc/negotiator/commands/mine", "");
    await image.write("var/log/negotiator/audit.jsonl", "");
    const { exitCode, stdout } = await installInto(image, "--uninstall");
    expect(exitCode).toBe(0);
    const kept = [...stdout.matchAll(/^kept +(\S+(?: negotiator)?)/gm)].map(([, path]) => path);
    expect(kept).toEqual([
      `/${UNIT}`,
      "group negotiator",
      `/${CONFIG}`,
      "/etc/negotiator/policy.toml",
      "/etc/negotiator/commands",
      "/var/log/negotiator",
    ]);
    expect(await Bun.file(image.at(PROGRAM)).exists()).toBe(false);
    expect(await Bun.file(image.at(UNIT)).exists()).toBe(true);
  });

  testInstall("leaves the program to the other role", async () => {
    await using image = await createImage("systemd");
    const host = ["host", "install", "--root", image.path];
    await runProcess([await hostBinary(), ...host]);
    await installInto(image);
    const { stdout } = await runProcess([await hostBinary(), ...host, "--uninstall", "--purge"]);
    expect(stdout).toContain(`kept      /${PROGRAM}  (the other role needs it)`);
    expect(await Bun.file(image.at(PROGRAM)).exists()).toBe(true);
    expect(await Bun.file(image.at(CONFIG)).exists()).toBe(true);
    expect(await Bun.file(image.at("etc/systemd/system/negotiator-host.service")).exists()).toBe(false);
    await installInto(image, "--uninstall");
    expect(await Bun.file(image.at(PROGRAM)).exists()).toBe(false);
  });

  testInstall("says that nothing is installed, and ends with 0", async () => {
    await using image = await createImage();
    const { exitCode, stdout } = await installInto(image, "--uninstall");
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: "Nothing to remove: install has put nothing here\n",
    });
  });
});

describe("an installation that cannot be done", () => {
  testInstall("a full disk leaves nothing behind", async () => {
    await using image = await createImage("systemd");
    const script = `
      mount -t tmpfs -o size=20m none "$1" && mkdir -p "$1/etc" "$1/bin" "$1/usr/lib/systemd" || exit 9
      cp /bin/sh "$1/bin/sh"; echo root:x:0: >"$1/etc/group"; : >"$1/usr/lib/systemd/systemd"
      find "$1" | sort >"$3/before"
      "$2" guest install --root "$1"; code=$?
      find "$1" | sort >"$3/after"; exit $code`;
    await using notes = await createTemporaryDirectory();
    const words = ["unshare", "--mount", "sh", "-c", script, "sh", image.path];
    const { exitCode, stderr } = await runProcess([...words, await hostBinary(), notes.path]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        `negotiator: Cannot write "${image.at(PROGRAM)}": the disk is full. Nothing was changed\n` +
        `See how much is free: df -h ${image.at("usr/local/bin")}\n`,
    });
    expect(await readFile(notes.at("after"), "utf8")).toBe(await readFile(notes.at("before"), "utf8"));
  });

  testInstall("a read-only file system is named with its remedy", async () => {
    await using image = await createImage("systemd");
    const script =
      'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" guest install --root "$1"';
    const words = ["unshare", "--mount", "sh", "-c", script, "sh", image.path];
    const { exitCode, stderr } = await runProcess([...words, await hostBinary()]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("its file system is read-only. Nothing was changed\nMount it for writing: ");
  });

  test.skipIf(!IS_ROOT)(
    "a user that is not root gets the command line with sudo (needs root)",
    async () => {
      await using open = await createTemporaryDirectory();
      await chmod(open.path, 0o755);
      const binary = open.at("negotiator");
      await cp(await hostBinary(), binary);
      const as = ["setpriv", "--reuid=65534", "--clear-groups", binary, "host", "install"];
      const { exitCode, stderr } = await runProcess(as);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr:
          "negotiator: Cannot install: only root may do that\n" +
          `Run it as root: sudo ${binary} host install\nOr see the steps: ${binary} host install --dry-run\n`,
      });
    },
    TEST_TIMEOUT_MS,
  );

  test.each([
    [["--purge"], "--purge needs --uninstall"],
    [["--root", "/", "--image", "x"], "--root and --image do not go together"],
    [["--manager", "systemdd"], 'unknown service manager "systemdd"\nDid you mean "systemd"?'],
    [["--root", "/nowhere"], 'Cannot use --root "/nowhere": ENOENT'],
    [["--image", "/nowhere.img"], 'Cannot use --image "/nowhere.img": there is no such file'],
  ])(
    "wrong options end with 2 and a reason: %p",
    async (words, message) => {
      const { exitCode, stderr } = await runProcess([await hostBinary(), "guest", "install", ...words]);
      expect(stderr).toStartWith(`negotiator: ${message}`);
      expect(exitCode).toBe(2);
    },
    TEST_TIMEOUT_MS,
  );
});
