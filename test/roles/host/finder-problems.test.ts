/** The problems of the finders: how long each lasts, and when it is over. */
import { expect, setSystemTime, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createFinderProblems } from "../../../src/roles/host/finder-problems.ts";

const problem = (message: string): NegotiatorError => new NegotiatorError("NO_CHANNEL", message);

test("a problem keeps the time at which it began, and is gone when a scan does not have it", () => {
  try {
    const problems = createFinderProblems();
    setSystemTime(new Date("2026-03-01T12:00:00Z"));
    problems.follow([problem("libvirt is down")]);
    setSystemTime(new Date("2026-03-01T12:05:00Z"));
    problems.follow([problem("a socket is not ours"), problem("libvirt is down")]);
    expect(problems.list()).toEqual([
      { message: "libvirt is down", since: "2026-03-01T12:00:00.000Z" },
      { message: "a socket is not ours", since: "2026-03-01T12:05:00.000Z" },
    ]);
    problems.follow([]);
    expect(problems.list()).toEqual([]);
    problems.follow([problem("libvirt is down")]);
    expect(problems.list()).toEqual([{ message: "libvirt is down", since: "2026-03-01T12:05:00.000Z" }]);
  } finally {
    setSystemTime();
  }
});

test("problems that began with one scan stay in the order of the scans", () => {
  const problems = createFinderProblems();
  const messages = ["c", "a", "d", "b", "e"];
  problems.follow(messages.map(problem));
  expect(problems.list().map(({ message }) => message)).toEqual(messages);
});

test("hundreds of problems at once take little memory", () => {
  const problems = createFinderProblems();
  problems.follow(Array.from({ length: 500 }, (_, index) => problem(`guest ${index}`)));
  expect(problems.list()).toHaveLength(50);
});
