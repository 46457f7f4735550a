/** Owner and mode of trusted files. */
import { expect, test } from "bun:test";
import { findOwnershipFault } from "../../src/trust/ownership.ts";

const OURS = 1000;

test.each([
  [0, 0o100644],
  [0, 0o100755],
  [OURS, 0o100600],
  [OURS, 0o104755],
])("a file of user %i with the mode %o is trusted by user 1000", (uid, mode) => {
  expect(findOwnershipFault({ uid, mode }, OURS, "/etc/x")).toBeUndefined();
});

test.each([
  ["its group", 0, 0o100664],
  ["everybody", 0, 0o100646],
  ["its group and everybody", OURS, 0o100666],
])("a file that %s may write to is not trusted", (_, uid, mode) => {
  expect(findOwnershipFault({ uid, mode }, OURS, "/etc/my file")).toEqual({
    problem: "its group or everybody may write to it",
    publicProblem: "can be written by others",
    remedy: "Correct it with: chmod go-w '/etc/my file'",
  });
});

test("a file of another user is not trusted, whatever its mode", () => {
  expect(findOwnershipFault({ uid: 1001, mode: 0o100400 }, OURS, "/etc/x")).toEqual({
    problem: "it belongs to user 1001, not to root",
    publicProblem: "does not belong to root",
    remedy: "Correct it with: chown root: /etc/x",
  });
  expect(findOwnershipFault({ uid: OURS, mode: 0o100400 }, 0, "/etc/x")?.problem).toContain("user 1000");
});
