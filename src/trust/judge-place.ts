/** Judges a path in a child, where a file system or a directory service could hold up this process. */
import { errnoOf } from "../errors.ts";
import { ask } from "./late-answer.ts";
import { createEyes, judgeHereOrThere } from "./look.ts";
import type { Eyes } from "./look.ts";
import { judgeFile, judgePath } from "./path-trust.ts";
import type { PathTrust } from "./path-trust.ts";
import type { TrustFault } from "./ownership.ts";

/**
 * The first fault on the way, the path without links, and the mode of what is there; no mode for nothing.
 * `fileFault`: others could write the file there. `isOpen`: others may put something there, as in /tmp.
 */
export type PlaceFacts = {
  fault?: TrustFault;
  fileFault?: TrustFault;
  place: string;
  mode?: number;
  isOpen: boolean;
};

/** The question of a child that judges a path. */
export type PlaceQuestion = { kind: "place"; path: string; trust: PathTrust };

/** The answer of that child. */
export type PlaceAnswer = PlaceFacts | { errno: string };

/**
 * Resolves with the facts about an absolute path. Rejects with the errors of `lstat`, with `BAD_CONFIG` for
 * too many links, and with `ETIMEDOUT` if a child gives no answer in time.
 */
export async function judgePlace(path: string, trust: PathTrust): Promise<PlaceFacts> {
  return judgeHereOrThere(
    (looks) => findPlaceFacts(path, trust, createEyes(looks)),
    async () => {
      const question: PlaceQuestion = { kind: "place", path, trust };
      // Our own program wrote it.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const answer = (await ask(question)) as PlaceAnswer | undefined;
      if (answer === undefined) throw failure(path, "ETIMEDOUT");
      if ("errno" in answer) throw failure(path, answer.errno);
      return answer;
    },
  );
}

/** Answers the question, and may wait. */
export function answerPlace({ path, trust }: PlaceQuestion, groupOf: Eyes["groupOf"]): PlaceAnswer {
  try {
    return findPlaceFacts(path, trust, createEyes({ onlyLocal: false, groupOf }));
  } catch (thrown) {
    return { errno: errnoOf(thrown) ?? "EIO" };
  }
}

function findPlaceFacts(path: string, trust: PathTrust, eyes: Eyes): PlaceFacts {
  const { fault, place, status, isOpen } = judgePath(path, trust, eyes);
  const fileFault = status?.isFile() === true ? judgeFile(place, status, trust.uid, eyes) : undefined;
  return {
    ...(fault !== undefined && { fault }),
    ...(fileFault !== undefined && { fileFault }),
    ...(status !== undefined && { mode: status.mode }),
    place,
    isOpen,
  };
}

function failure(path: string, code: string): Error {
  return Object.assign(new Error(`${code}: cannot look at '${path}'`), { code });
}
