/** Users and groups as the system resolves them. The system reads planted files in a mount namespace. */
import { expect, test } from "bun:test";
import { findOthers } from "../../src/trust/users.ts";
import type { GroupFacts } from "../../src/trust/users.ts";
import type { SystemQuestion } from "../../src/trust/system-question.ts";
import { MAIN, runProcess } from "../support/program-run.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const isRoot = process.getuid?.() === 0;

const PASSWD = `root:x:0:0:root:/root:/bin/bash
# a comment
broken
empty::
short:x:41
negative:x:-5:44::/home/negative:/bin/sh
above:x:4294967296:44::/home/above:/bin/sh
none:x:4294967295:44::/home/none:/bin/sh
nogroup:x:46:-1::/home/nogroup:/bin/sh
letters:x:forty:44::/home/letters:/bin/sh
backup:x:34:35:backup::/bin/sh
12:x:99:99::/home/twelve:/bin/sh
web:x:1000:1001:Web,,,:/home/web:/bin/sh
again:x:1000:7::/elsewhere:/bin/sh
operator:x:11:0::/root:/bin/sh
`;
const GROUP = `root:x:0:
disk:x:6:backup,web
web:x:1001:
backup:x:35:
staff:x:50:
users:x:60:web
second:x:61:web
alias:x:61:backup
open:$1$salt$hash:62:
hidden:x:63:
led:x:64:
other:x:70:root,stranger
broken
negative:x:-2:web
`;
const GSHADOW = "hidden:$6$salt$hash::\nled:!:backup:\nusers:*::\n";

type Planted = { passwd?: string; group?: string; gshadow?: string; nsswitch?: string };

/** Returns the answer of a child, to which these files are the system's. */
async function ask(question: SystemQuestion, planted: Planted = {}): Promise<unknown> {
  await using directory = await createTemporaryDirectory();
  const files = { passwd: PASSWD, group: GROUP, gshadow: GSHADOW, "nsswitch.conf": planted.nsswitch ?? "" };
  const mounts: string[] = [];
  for (const [name, text] of Object.entries({ ...files, ...planted, nsswitch: undefined })) {
    if (text === undefined) continue;
    const path = await directory.write(name, text);
    mounts.push(`touch /etc/${name}; mount --bind ${path} /etc/${name}`);
  }
  const asked = await directory.write("question", JSON.stringify(question));
  const line = `${mounts.join(" && ")} && exec ${process.execPath} ${MAIN} answer-question < ${asked}`;
  const { stdout, stderr, exitCode } = await runProcess(["unshare", "--mount", "sh", "-c", line]);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return JSON.parse(stdout);
}

test.if(isRoot)(
  "a user has the ids, the home and all groups that the system gives it (needs root)",
  async () => {
    const users = ["web", "backup", "12", 1000, 0];
    expect(await ask({ kind: "users", users })).toEqual([
      {
        user: {
          name: "web",
          uid: 1000,
          gid: 1001,
          groups: [1001, 6, 60, 61],
          home: "/home/web",
        },
      },
      { user: { name: "backup", uid: 34, gid: 35, groups: [35, 6, 61], home: "/" } },
      { user: { name: "12", uid: 99, gid: 99, groups: [99], home: "/home/twelve" } },
      {
        user: {
          name: "web",
          uid: 1000,
          gid: 1001,
          groups: [1001, 6, 60, 61],
          home: "/home/web",
        },
      },
      { user: { name: "root", uid: 0, gid: 0, groups: [0, 70], home: "/root" } },
    ]);
  },
);

const REFUSED = [
  "nobody-here",
  "",
  "ro",
  "root:x",
  "# a comment",
  "broken",
  "empty",
  "short",
  "letters",
  "34",
  4242,
];

test.if(isRoot)("a user that the system refuses is refused, and digits are a name (needs root)", async () => {
  const answers = await ask({ kind: "users", users: REFUSED });
  expect(answers).toEqual(
    REFUSED.map((user) => ({
      problem: expect.stringContaining(`Cannot find the user "${user}": the system does not know it\n`),
    })),
  );
});

test.if(isRoot)("a user whose id or group is not an id is refused (needs root)", async () => {
  const users = ["negative", "above", "none", "nogroup"];
  const refused = { problem: expect.stringMatching(/^Cannot (?:find|use) the user "/) };
  expect(await ask({ kind: "users", users })).toEqual(users.map(() => refused));
});

test.if(isRoot)("a user whose name or home is not UTF-8 is refused (needs root)", async () => {
  await using directory = await createTemporaryDirectory();
  const lines = "m\xfcller:x:5:5::/home/m:\nhome:x:6:6::/home/\xfc:\nfull:x:7:7:M\xfcller:/home/full:\n";
  const path = directory.at("passwd");
  await Bun.write(path, Buffer.from(lines, "latin1"));
  const asked = await directory.write(
    "question",
    JSON.stringify({ kind: "users", users: [5, "home", "full"] }),
  );
  const program = `${process.execPath} ${MAIN} answer-question`;
  const line = `mount --bind ${path} /etc/passwd && exec ${program} < ${asked}`;
  const { stdout } = await runProcess(["unshare", "--mount", "sh", "-c", line]);
  const refused = { problem: expect.stringContaining("its name or home is not UTF-8") };
  expect(JSON.parse(stdout)).toMatchObject([refused, refused, { user: { name: "full" } }]);
});

const GROUPS: [string, number, number, string | undefined][] = [
  ["an empty group", 50, 1000, undefined],
  ["the user's own group", 1001, 1000, undefined],
  ["another user's own group", 1001, 34, "has the member 1000"],
  ["a group with the user as its member", 60, 1000, undefined],
  ["a group with another member", 60, 34, "has the member 1000"],
  ["the group root, which is the first group of a user", 0, 0, "has the member 11"],
  ["a group with a second name that has more members", 61, 1000, "has the member 34"],
  ["a group with a password in its line", 62, 1000, "it has a password"],
  ["a group with a password in gshadow", 63, 1000, "it has a password"],
  ["a group with an administrator, who may add members", 64, 1000, "has the member 34"],
  ["a group with root and an unknown member", 70, 0, 'has the member "stranger", who is not known'],
  ["an unknown group", 4242, 0, "is not known to the system"],
];

test.if(isRoot).each(GROUPS)(
  "%s (gid %i): others besides root and user %i: %p (needs root)",
  async (_, gid, uid, expected) => {
    // Our own program wrote it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const facts = (await ask({ kind: "group", gid })) as GroupFacts;
    const others = findOthers(facts, uid);
    if (expected === undefined) expect(others).toBeUndefined();
    else expect(others).toContain(expected);
  },
);

test.if(isRoot).each([
  ["passwd: files sss\n", "sss"],
  ["passwd: files\ngroup: files [NOTFOUND=return] ldap\n", "ldap"],
  ["passwd: files\ngroup: files\ninitgroups: winbind # a comment\n", "winbind"],
])("members of a group cannot be known with %j (needs root)", async (nsswitch, source) => {
  const facts = await ask({ kind: "group", gid: 50 }, { nsswitch });
  expect(facts).toEqual({ problem: expect.stringContaining(`"${source}", which lists none`) });
});

test.if(isRoot)(
  "a group has the id that the system gives its name, and digits are a name (needs root)",
  async () => {
    const names = ["staff", "sta", "", "50", "broken", "negative", "# a comment"];
    const answers = [];
    for (const name of names) answers.push(await ask({ kind: "group-id", name }));
    expect(answers).toEqual([{ gid: 50 }, {}, {}, {}, {}, {}, {}]);
  },
);
