/** The checks of a peer's abilities. */
import { expect, test } from "bun:test";
import { checkMethod, checkNotices } from "../../src/peers/peer.ts";
import { errorOf } from "../support/error-of.ts";

const FEW = { methods: ["execute"], notices: false, messages: false };
const ALL = { methods: undefined, notices: true, messages: true };

test("a peer without the method throws UNSUPPORTED with its dialect and a remedy", () => {
  const { code, message } = errorOf(() => checkMethod(FEW, "old agent", "info"));
  expect({ code, message }).toEqual({
    code: "UNSUPPORTED",
    message:
      'The peer (old agent) has no method "info"\n' +
      "Install negotiator at the other end, as MIGRATING.md describes",
  });
});

test("a peer without notices throws UNSUPPORTED with its dialect", () => {
  const { code, message } = errorOf(() => checkNotices(FEW, "old agent"));
  expect(code).toBe("UNSUPPORTED");
  expect(message).toStartWith("The peer (old agent) accepts no notices\n");
});

test("a peer that can carry the method or any notice passes the checks", () => {
  expect(() => checkMethod(FEW, "old agent", "execute")).not.toThrow();
  expect(() => checkMethod(ALL, "negotiator", "anything")).not.toThrow();
  expect(() => checkNotices(ALL, "negotiator")).not.toThrow();
});
